import { createHash } from 'node:crypto'
import { z } from 'zod'
import packageJson from '../../../package.json' with { type: 'json' }
import { defaults } from '../../core/defaults.ts'
import { asAppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { MiB } from '../../lib/format.ts'
import type { Decisions } from '../steps/decisions.ts'
import { lastLogLines } from './container-log.ts'
import { askSocket, engine, filters } from '../swarm/engine-call.ts'
import { paths } from '../paths.ts'
import { privileges } from './privileges.ts'
import { specLabel } from './services.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { platformLabels } from '../swarm/swarm.ts'
import { waitFor } from '../steps/waiting.ts'

const generationLabel = 'lading.generation'
/** So long `up` waits for the old keeper's connections; what is open then goes on, and the next `up` clears up (s). */
const drainSeconds = 30
/** Longer than an old keeper waits for a new one that does not come up, before it goes on itself (s). */
const servingSeconds = 60
/** Within it an engine that was asked for a container by a run that was killed has made it (s). */
const creatingSeconds = 30
/** Within it an engine has noticed that a container's process is gone (s). */
const endingSeconds = 30

/**
 * This node's keeper (decision: one-keeper-per-node): a plain container, so that it needs neither registry nor swarm.
 * One that is made from something else hands its listeners to the new one, which has the next generation
 * (docs/design/edge.md), and drains.
 */
export function keeperStep(site: Site, balancers: string | null = null): Step {
  const wanted = () => balancers ?? site.decisions.balancers
  return {
    title: 'keeper',
    check: async signal => {
      if (wanted() !== site.decisions.balancers) return null
      const [newest, ...others] = await listKeepers(signal)
      if (newest?.spec !== specOf(site.decisions) || !(await serves(newest, signal))) return null
      return others.every(keeper => keeper.drains) ? newest.name : null
    },
    act: async (say, signal) => {
      if (wanted() !== site.decisions.balancers) await site.change({ balancers: wanted() })
      const keeper = await startKeeper(site.decisions, signal)
      say('waiting for it to serve')
      const ready = async () => ((await serves(keeper, signal)) ? true : null)
      const details = () => lastLogLines(keeper.name, signal)
      const what = { title: `${keeper.name} does not serve`, seconds: servingSeconds, details }
      try {
        await waitFor(what, ready, { clock: systemClock, signal })
      } catch (error) {
        if (!signal.aborted) await dismiss(keeper, signal)
        throw error
      }
      // Asked again until all that are left drain: while one is waited for, another that drained longer may end.
      for (;;) {
        const others = (await listKeepers(signal)).filter(other => other.name !== keeper.name && !other.drains)
        if (others.length === 0) return
        for (const old of others) await retire(old, say, signal)
      }
    },
  }
}

/** What the container is made of, without its generation. */
export function keeperJson(decisions: Decisions) {
  const may = privileges.keeper
  return {
    Image: decisions.images['keeper']?.id ?? '',
    Labels: { ...platformLabels, [label.environment]: 'production', [label.type]: 'keeper' },
    Env: [
      `LADING_NODE=${decisions.node}`,
      `LADING_CLUSTER_ADDRESS=${decisions.clusterAddress}`,
      `LADING_STATE_DIR=${paths.keeper}`,
      `LADING_RUN_DIR=${paths.run}`,
      `LADING_ENGINE_SOCKET=${paths.engineSocket}`,
      `LADING_REGISTRY_TOKEN_FILE=${paths.registryToken}`,
      `LADING_VERSION=${packageJson.version}`,
      `LADING_BUILD=${decisions.images['keeper']?.key ?? ''}`,
      ...(decisions.balancers && decisions.balancers !== 'none' ? [`LADING_BALANCERS=${decisions.balancers}`] : []),
    ],
    HostConfig: {
      NetworkMode: may.network,
      PidMode: may.pid,
      // `unless-stopped` did not come back after a kill of the engine (decision: one-keeper-per-node).
      RestartPolicy: { Name: 'always' },
      Init: true,
      CapAdd: may.capAdd,
      Memory: 1024 * MiB,
      Binds: may.mounts.map(({ source, target, readOnly }) => `${source}:${target}${readOnly ? ':ro' : ''}`),
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(defaults.logBytes), 'max-file': String(defaults.logFiles) },
      },
    },
  }
}

function specOf(decisions: Decisions): string {
  return createHash('sha256')
    .update(JSON.stringify(keeperJson(decisions)))
    .digest('hex')
    .slice(0, 16)
}

/** Makes and starts the keeper of the next generation, or starts the newest when it is made from the same. */
async function startKeeper(decisions: Decisions, signal: AbortSignal): Promise<KeeperView> {
  const spec = specOf(decisions)
  const made = async (): Promise<KeeperView | null> => {
    const [newest] = await listKeepers(signal)
    if (newest?.spec === spec) return newest
    const generation = (newest?.generation ?? 0) + 1
    const name = `lading-keeper-${generation}`
    const body = keeperJson(decisions)
    body.Env.push(`LADING_GENERATION=${generation}`)
    Object.assign(body.Labels, { [generationLabel]: String(generation), [specLabel]: spec })
    try {
      await engine.json({ method: 'POST', path: '/containers/create', query: { name }, body }, signal)
    } catch (error) {
      // An `up` that was killed had asked for it: an engine gives the name before it has the container to list.
      if (asAppError(error).code === 'conflict') return null
      throw error
    }
    const image = decisions.images['keeper']?.id ?? ''
    return { id: name, name, image, state: 'created', spec, generation, drains: false }
  }
  const what = {
    title: 'the name of the next keeper is taken',
    seconds: creatingSeconds,
    hint: 'see docker ps -a: a container called lading-keeper-… that Lading has not made is in the way',
  }
  const keeper = await waitFor(what, made, { clock: systemClock, signal })
  await engine.json({ method: 'POST', path: `/containers/${keeper.name}/start` }, signal)
  return { ...keeper, state: 'running' }
}

/** One that does not come up would ask the keeper before it to hand over again and again: it goes where that one serves. */
async function dismiss(keeper: KeeperView, signal: AbortSignal): Promise<void> {
  const others = (await listKeepers(signal)).filter(({ name }) => name !== keeper.name)
  if (!others.some(({ state, drains }) => state === 'running' && !drains)) return
  await engine.json({ method: 'DELETE', path: `/containers/${keeper.name}`, query: { force: true } }, signal)
}

/** Its listeners are the new one's already. It is not started again, and goes when its last connection has ended. */
async function retire(old: KeeperView, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  if (await neverAgain(old.id, signal)) {
    const end = systemClock.monotonic() + drainSeconds * 1000
    say(`${old.name} drains`)
    while ((await inspect(old.id, signal)).State.Running) {
      if (systemClock.monotonic() > end) return
      await systemClock.sleep(200, signal)
    }
  }
  // Forced: if the engine has started it again in this moment, it is one that a newer generation refuses.
  await engine.json({ method: 'DELETE', path: `/containers/${old.id}`, query: { force: true } }, signal)
}

/**
 * False when it has ended already. Engines refuse to change a container in that moment, and call it running for a moment
 * more: asked again until one of both is so.
 */
async function neverAgain(id: string, signal: AbortSignal): Promise<boolean> {
  let refusal = ''
  const ask = async (): Promise<boolean | null> => {
    try {
      const body = { RestartPolicy: { Name: 'no' } }
      await engine.json({ method: 'POST', path: `/containers/${id}/update`, body }, signal)
      return true
    } catch (error) {
      refusal = asAppError(error).message
      return (await inspect(id, signal)).State.Running ? null : false
    }
  }
  const what = { title: `the old keeper ${id.slice(0, 12)} does not end`, seconds: endingSeconds }
  return waitFor({ ...what, details: () => Promise.resolve([refusal]) }, ask, { clock: systemClock, signal })
}

export interface KeeperView {
  readonly id: string
  readonly name: string
  /** Its id. */
  readonly image: string
  readonly state: string
  readonly spec: string
  readonly generation: number
  /** It has handed over and ends by itself. */
  readonly drains: boolean
}

const containerList = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()),
    ImageID: z.string(),
    State: z.string(),
    Labels: z.record(z.string(), z.string()),
  }),
)

/** All keepers of this node, running or not, the newest first. */
export async function listKeepers(signal: AbortSignal): Promise<KeeperView[]> {
  const query = { all: true, ...filters({ label: [`${label.role}=platform`, `${label.type}=keeper`] }) }
  const list = containerList.parse(await engine.json({ method: 'GET', path: '/containers/json', query }, signal))
  const views = await Promise.all(
    list.map(async ({ Id, Names, ImageID, State, Labels }) => ({
      id: Id,
      name: (Names[0] ?? '').slice(1),
      image: ImageID,
      state: State,
      spec: Labels[specLabel] ?? '',
      generation: Number(Labels[generationLabel] ?? 0),
      drains: State === 'running' && (await restartPolicy(Id, signal)) === 'no',
    })),
  )
  return views.sort((a, b) => b.generation - a.generation)
}

/** Open requests end first. */
export async function removeKeeper(id: string, signal: AbortSignal): Promise<void> {
  await engine.json({ method: 'POST', path: `/containers/${id}/stop`, query: { t: drainSeconds } }, signal)
  await engine.json({ method: 'DELETE', path: `/containers/${id}` }, signal)
}

const health = z.object({ generation: z.number(), haproxy: z.unknown() })

/** It answers on the socket, and not one that was before it. */
async function serves(keeper: KeeperView, signal: AbortSignal): Promise<boolean> {
  const answer = health.safeParse(await askSocket(paths.keeperSocket, '/health', signal))
  return answer.success && answer.data.generation === keeper.generation && answer.data.haproxy !== null
}

const containerView = z.object({
  State: z.object({ Running: z.boolean() }),
  HostConfig: z.object({ RestartPolicy: z.object({ Name: z.string() }) }),
})

async function inspect(id: string, signal: AbortSignal) {
  return containerView.parse(await engine.json({ method: 'GET', path: `/containers/${id}/json` }, signal))
}

async function restartPolicy(id: string, signal: AbortSignal): Promise<string> {
  return (await inspect(id, signal)).HostConfig.RestartPolicy.Name
}
