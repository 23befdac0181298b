import { environmentId, environmentLabels, label } from '../core/labels.ts'
import type { EnvironmentKey, RunId } from '../core/names.ts'
import { isPassing } from '../core/errors.ts'
import { verifyName } from '../core/verify-plan.ts'
import { withTicks } from '../lib/async/ticks.ts'
import type { EnvironmentView, ReleaseKey } from '../edge/edges.ts'
import type { RolloutDeps } from './roll-out.ts'

const tickMs = 250
const removalPollMs = 250
const spaceMs = 30_000

/** What the sweep asks the rows; `keep` and `openRuns` are asked after the cluster was listed, so that a release made meanwhile is never taken for an orphan. */
export interface Rows {
  /**
   * Resolves when an earlier control plane can have nothing under way any more: before the first delete (law:
   * one-control-plane-writes).
   */
  quiet(signal: AbortSignal): Promise<void>
  keep(key: EnvironmentKey): Promise<ReadonlySet<number>>
  openRuns(key: EnvironmentKey): Promise<ReadonlySet<string>>
  /** Runs that may have steps of verify under way. */
  verifying(key: EnvironmentKey): Promise<ReadonlySet<RunId>>
  limit(key: EnvironmentKey, release: number): Promise<{ readonly drainMs: number; readonly stopMs: number }>
}

/**
 * Removes everything of an environment that may not run any more: releases not to be kept are drained, then their
 * swarm services get SIGTERM, and lane and config go; one-offs of ended runs go. It asks the cluster, not our memory,
 * so that what a crash left behind is found too. Idempotent; safe to be killed at any line.
 */
export class Sweeper {
  readonly #deps: RolloutDeps
  readonly #rows: Rows
  readonly #retiring = new Map<string, Promise<void>>()

  constructor(deps: RolloutDeps, rows: Rows) {
    this.#deps = deps
    this.#rows = rows
  }

  /** Resolves when all that had to go is gone; a release that another call retires already is waited for, not retired twice. */
  async sweep(key: EnvironmentKey, signal: AbortSignal): Promise<void> {
    // First of all: a call of an earlier control plane may still make something while it is under way.
    await this.#rows.quiet(signal)
    const found = await releasesInCluster(key, this.#deps, signal)
    const keep = await this.#rows.keep(key)
    const doomed = [...found].filter(release => !keep.has(release))
    await removeOneOffs(key, this.#rows, this.#deps, signal)
    await Promise.all([
      removeVerification(key, this.#rows, this.#deps, signal),
      ...doomed.map(release => this.#retire(key, release, signal)),
    ])
  }

  #retire(key: EnvironmentKey, release: number, signal: AbortSignal): Promise<void> {
    const id = `${environmentId(key)}/${release}`
    const running = this.#retiring.get(id)
    if (running) return running
    const work = this.#rows
      .limit(key, release)
      .then(limit => retire({ ...key, release }, limit, this.#deps, signal))
      .finally(() => this.#retiring.delete(id))
    this.#retiring.set(id, work)
    return work
  }
}

async function releasesInCluster(
  key: EnvironmentKey,
  { engine, edges }: RolloutDeps,
  signal: AbortSignal,
): Promise<Set<number>> {
  const labels = environmentLabels(key)
  const [services, configs, state] = await Promise.all([
    engine.listServices(labels, signal),
    engine.listConfigs(labels, signal),
    edges.state(signal),
  ])
  const lanes = state.lanes.filter(lane => environmentId(lane) === environmentId(key)).map(lane => lane.release)
  const labelled = [...services, ...configs]
    .map(object => Number(object.labels[label.release]))
    .filter(Number.isInteger)
  return new Set([...lanes, ...labelled])
}

async function retire(
  key: ReleaseKey,
  limit: { drainMs: number; stopMs: number },
  deps: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const { engine, edges } = deps
  const labels = { ...environmentLabels(key), [label.release]: String(key.release) }
  const isIdle = await drained(key, limit.drainMs, deps, signal)
  const services = await engine.listServices(labels, signal)
  await Promise.all(services.map(service => engine.removeService(service.name, signal)))
  // An environment has four lanes: processes that are deaf to SIGTERM must not keep the next releases waiting for one.
  if (isIdle) await edges.release(key, signal)
  await stopped(key, limit.stopMs, deps, signal)
  // What is still in flight may end between SIGTERM and SIGKILL: its connections need the lane.
  if (!isIdle) await edges.release(key, signal)
  const configs = await engine.listConfigs(labels, signal)
  await Promise.all(configs.map(config => engine.removeConfig(config.name, signal)))
}

/** True: no request of the release is in flight on any edge. False: the limit is over, and some are. */
async function drained(
  key: ReleaseKey,
  limitMs: number,
  { edges, clock }: RolloutDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const until = clock.monotonic() + limitMs
  let isIdle = false
  await watched(key, { edges, clock }, signal, view => {
    isIdle = !view.inFlight[key.release]
    return isIdle || clock.monotonic() >= until
  })
  return isIdle
}

/** Until no process of the release runs, or its stop time and a margin for the engine are over. */
async function stopped(
  key: ReleaseKey,
  stopMs: number,
  { edges, clock }: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const until = clock.monotonic() + stopMs + 15_000
  const runs = (view: { processes: readonly { release: number; state: string }[] }) =>
    view.processes.some(process => process.release === key.release && process.state === 'running')
  await watched(key, { edges, clock }, signal, view => !runs(view) || clock.monotonic() >= until)
}

async function watched(
  key: EnvironmentKey,
  { edges, clock }: Pick<RolloutDeps, 'edges' | 'clock'>,
  signal: AbortSignal,
  enough: (view: EnvironmentView) => boolean,
): Promise<void> {
  const watching = new AbortController()
  try {
    const views = edges.watch(key, AbortSignal.any([signal, watching.signal]))
    for await (const view of withTicks(views, { clock, everyMs: tickMs })) {
      signal.throwIfAborted()
      if (enough(view)) return
    }
    signal.throwIfAborted()
  } finally {
    watching.abort()
  }
}

async function removeOneOffs(
  key: EnvironmentKey,
  rows: Rows,
  { engine }: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const names = await engine.listOneOffs({ ...environmentLabels(key), [label.role]: 'release-phase' }, signal)
  const open = [...(await rows.openRuns(key))]
  const ended = names.filter(name => !open.some(run => name.endsWith(run)))
  await Promise.all(ended.map(name => engine.removeOneOff(name, signal)))
}

/** Containers and networks of steps whose run has gone on or ended. Listed before the rows are asked, as releases are. */
async function removeVerification(
  key: EnvironmentKey,
  rows: Rows,
  { engine }: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const labels = { ...environmentLabels(key), [label.role]: 'verify' }
  const [containers, networks] = await Promise.all([
    engine.listOneOffs(labels, signal),
    engine.listNetworks(labels, signal),
  ])
  if (containers.length + networks.length === 0) return
  const names = [...(await rows.verifying(key))].map(verifyName)
  const isOver = (name: string) => !names.some(begun => name === begun || name.startsWith(`${begun}-`))
  await Promise.all(containers.filter(isOver).map(name => engine.removeOneOff(name, signal)))
  await Promise.all(
    networks
      .map(({ name }) => name)
      .filter(isOver)
      .map(name => engine.removeNetwork(name, signal)),
  )
}

/**
 * Removes the space's network when the last endpoint has left it; Swarm lets go of them a moment after the tasks end.
 * False: it was still in use after half a minute. Engine 20.10 may believe so for minutes.
 */
export async function removeSpace(
  network: string,
  { engine, clock }: RolloutDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const until = clock.monotonic() + spaceMs
  for (;;) {
    try {
      await engine.removeNetwork(network, signal)
      return true
    } catch (error) {
      if (!isPassing(error)) throw error
      if (clock.monotonic() >= until) return false
      await clock.sleep(removalPollMs, signal)
    }
  }
}
