import type { Clock } from '../core/clock.ts'
import { defaults } from '../core/defaults.ts'
import { AppError, isPassing } from '../core/errors.ts'
import { environmentLabels } from '../core/labels.ts'
import { count, type Release } from '../core/release.ts'
import type { Limits } from '../core/limits.ts'
import type { Secret } from '../core/secret.ts'
import { persistently, retry } from '../lib/async/retry.ts'
import { withTicks } from '../lib/async/ticks.ts'
import type { Engine, ServiceSpec } from '../docker/engine.ts'
import type { Edges, EnvironmentView, LaneSpec, ProcessView } from '../edge/edges.ts'
import { diagnose } from './diagnose.ts'
import { SwarmRefusals } from './refusal.ts'
import { laneSpec, serviceSpecs, spaceNetwork } from './spec.ts'

export interface RolloutDeps {
  readonly engine: Engine
  readonly edges: Edges
  readonly clock: Clock
}

/** A process without a port is up when it has run for so long (ms): it has nothing that could be checked. */
const workerUpMs = 1_000
const tickMs = 500
const laneMarginMs = 20_000

/**
 * Starts a release's processes beside what runs, and resolves when every one is up: `web` with proof on every edge.
 * Idempotent: entered again after a crash it finds what it made. Rejects `not-healthy`, `no-room` with a sentence and
 * details fit for the pusher; what it started is the sweep's to remove (docs/design/rollout.md). An engine or a keeper
 * that is away for a moment is asked again, until the boot time is over. Simulated in test/simulation: canonical.test.ts
 * has processes that are slow, crash or never listen, and refuses, loses and repeats its calls.
 */
export async function startRelease(
  release: Release,
  config: Readonly<Record<string, Secret>>,
  say: (line: string) => void,
  deps: RolloutDeps & { readonly limits: () => Limits },
  signal: AbortSignal,
): Promise<void> {
  await prepare(release, say, deps, signal)
  const patience = untilBooted(release, deps, signal)
  const create = (spec: ServiceSpec) => persistently(() => deps.engine.createService(spec, signal), patience)
  await Promise.all(serviceSpecs(release, config, deps.limits()).map(create))
  await allUp(release, say, deps, signal)
}

async function prepare(
  release: Release,
  say: (line: string) => void,
  deps: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const lane = laneSpec(release)
  await Promise.all([
    persistently(
      () => deps.engine.ensureNetwork(spaceNetwork(release), environmentLabels(release), signal),
      untilBooted(release, deps, signal),
    ),
    lane ? allocateWhenFree(lane, release, say, deps, signal) : undefined,
  ])
}

function untilBooted(release: Release, { clock }: RolloutDeps, signal: AbortSignal) {
  return { clock, until: clock.monotonic() + release.image.settings.bootSeconds * 1000, signal }
}

/** Deploys in quick succession wait until the oldest release has drained and stopped: that ends, so it is worth the wait. */
async function allocateWhenFree(
  lane: LaneSpec,
  release: Release,
  say: (line: string) => void,
  { edges, clock }: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const { drainSeconds, stopSeconds } = release.image.settings
  const until = clock.monotonic() + (drainSeconds + stopSeconds) * 1000 + laneMarginMs
  let tries = 0
  const again = (error: unknown) => {
    if (!isPassing(error) || clock.monotonic() >= until) return false
    if (tries++ === 0 && error.code === 'no-room') say('       waiting until an older release has drained')
    return true
  }
  await retry(() => edges.allocate(lane, signal), { clock, everyMs: tickMs, signal, again })
}

async function allUp(
  release: Release,
  say: (line: string) => void,
  deps: RolloutDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, edges } = deps
  const watching = new AbortController()
  const patience = new Patience(release.image.settings.bootSeconds * 1000, clock)
  const since = new Map<string, number>()
  const swarm = new SwarmRefusals(release, deps)
  try {
    const views = edges.watch(release, AbortSignal.any([signal, watching.signal]))
    for await (const view of withTicks(views, { clock, everyMs: tickMs })) {
      signal.throwIfAborted()
      const processes = view.processes.filter(process => isOf(release, process))
      for (const process of processes)
        if (!since.has(process.container)) since.set(process.container, clock.monotonic())
      const up = (process: ProcessView) => isUp(process, clock.monotonic() - (since.get(process.container) ?? Infinity))
      if (
        release.image.processes.every(
          ({ type }) => processes.filter(p => p.type === type && up(p)).length >= count(release, type),
        )
      )
        return
      if (crashedTooOften(processes)) throw await diagnose({ release, processes, cause: 'crashed' }, deps, signal)
      const refusal = await swarm.refusal(signal)
      if (refusal) throw refusal
      if (patience.isOver(fingerprint(view, release), describe(processes, release), say)) {
        throw await diagnose({ release, processes, cause: 'deadline' }, deps, signal)
      }
    }
    signal.throwIfAborted()
    throw new AppError('unavailable', 'the keepers stopped answering', { retryable: true })
  } finally {
    watching.abort()
  }
}

/**
 * An app that was destroyed and made again counts from v1 again: what started and ended before this release was made is
 * not its own. Of a container that could never be started the engine says the year 1.
 */
function isOf({ number, createdAt }: Release, { release, state, startedAt }: ProcessView): boolean {
  const isOlder = state === 'exited' && startedAt > 0 && startedAt < createdAt
  return release === number && !isOlder
}

function isUp(process: ProcessView, ranMs: number): boolean {
  if (process.state !== 'running') return false
  return process.type === 'web' ? process.proof === 'proven' : ranMs >= workerUpMs
}

function crashedTooOften(processes: readonly ProcessView[]): boolean {
  const crashes = new Map<string, number>()
  for (const { type, state } of processes) if (state === 'exited') crashes.set(type, (crashes.get(type) ?? 0) + 1)
  return [...crashes.values()].some(times => times >= defaults.crashesBeforeFailure)
}

/** Anything in here that changes is progress. */
function fingerprint(view: EnvironmentView, release: Release): string {
  return view.processes
    .filter(process => isOf(release, process))
    .map(({ container, state, proof }) => `${container} ${state} ${proof}`)
    .sort()
    .join('\n')
}

function describe(processes: readonly ProcessView[], release: Release): string {
  const running = processes.filter(process => process.state === 'running')
  const wanted = release.image.processes.reduce((sum, { type }) => sum + count(release, type), 0)
  const waiting = running.find(process => process.type === 'web' && process.proof !== 'proven')
  return (
    `${running.length} of ${wanted} processes running` +
    (waiting?.lastCheck ? `, ${waiting.name}: ${waiting.lastCheck}` : '')
  )
}

/** The progress deadline: re-armed by progress, and a line for the pusher when a wait grows long. */
class Patience {
  readonly #limitMs: number
  readonly #clock: Clock
  #seen: string | null = null
  #since: number
  #saidAt: number

  constructor(limitMs: number, clock: Clock) {
    this.#limitMs = limitMs
    this.#clock = clock
    this.#since = this.#saidAt = clock.monotonic()
  }

  isOver(fingerprint: string, state: string, say: (line: string) => void): boolean {
    const now = this.#clock.monotonic()
    if (fingerprint !== this.#seen) {
      this.#seen = fingerprint
      this.#since = now
    }
    if (now - this.#saidAt >= 5_000) {
      this.#saidAt = now
      say(`       waiting: ${state}`)
    }
    return now - this.#since >= this.#limitMs
  }
}
