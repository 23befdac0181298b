import { createHash } from 'node:crypto'
import { z } from 'zod'
import { defaults } from '../core/defaults.ts'
import { label } from '../core/labels.ts'
import { systemClock } from '../core/system.ts'
import type { Decisions } from './decisions.ts'
import { askSocket, engine, filters } from './engine-call.ts'
import { paths } from './paths.ts'
import type { Site } from './site.ts'
import type { Step } from './steps.ts'
import { platformLabels } from './swarm.ts'
import { waitFor } from './waiting.ts'

const MiB = 1024 * 1024

/**
 * This node's keeper (D5): a plain container, so that it needs neither registry nor swarm, of a name that says what it
 * is made from. Another one that runs hands its listeners to the new one, then goes (docs/design/edge.md).
 */
export function keeperStep(site: Site): Step {
  return {
    title: 'keeper',
    check: async signal => {
      const name = keeperName(site.decisions)
      const others = (await listKeepers(signal)).filter(keeper => keeper.name !== name)
      return others.length === 0 && (await isServing(name, signal)) ? name : null
    },
    act: async (say, signal) => {
      const name = keeperName(site.decisions)
      await startKeeper(name, site.decisions, signal)
      say('waiting for it to serve')
      const hint = `See: docker logs ${name}`
      const ready = async () => ((await isServing(name, signal)) ? true : null)
      await waitFor({ title: `${name} does not answer`, seconds: 60, hint }, ready, { clock: systemClock, signal })
      for (const old of await listKeepers(signal)) if (old.name !== name) await removeKeeper(old.id, signal)
    },
  }
}

/** What the container is made of; its name carries the hash of it. */
export function keeperJson(decisions: Decisions) {
  return {
    Image: decisions.images['keeper']?.id ?? '',
    Labels: { ...platformLabels, [label.environment]: 'production', [label.type]: 'keeper' },
    Env: [
      `LADING_NODE=${decisions.node}`,
      `LADING_CLUSTER_ADDRESS=${decisions.clusterAddress}`,
      `LADING_STATE_DIR=${paths.keeper}`,
      `LADING_RUN_DIR=${paths.run}`,
      `LADING_ENGINE_SOCKET=${paths.engineSocket}`,
    ],
    HostConfig: {
      NetworkMode: 'host',
      PidMode: 'host',
      // `unless-stopped` did not come back after a kill of the engine (D5).
      RestartPolicy: { Name: 'always' },
      Init: true,
      CapAdd: ['NET_ADMIN', 'SYS_PTRACE', 'SYS_ADMIN'],
      Memory: 512 * MiB,
      Binds: ['/run:/run', `${paths.keeper}:${paths.keeper}`, `${paths.etc}:${paths.etc}:ro`],
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(defaults.logBytes), 'max-file': String(defaults.logFiles) },
      },
    },
  }
}

export function keeperName(decisions: Decisions): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(keeperJson(decisions)))
    .digest('hex')
  return `lading-keeper-${hash.slice(0, 12)}`
}

async function startKeeper(name: string, decisions: Decisions, signal: AbortSignal): Promise<void> {
  const present = (await listKeepers(signal)).find(keeper => keeper.name === name)
  if (present === undefined) {
    const body = keeperJson(decisions)
    await engine.json({ method: 'POST', path: '/containers/create', query: { name }, body }, signal)
  }
  await engine.json({ method: 'POST', path: `/containers/${name}/start` }, signal)
}

const containerList = z.array(z.object({ Id: z.string(), Names: z.array(z.string()), State: z.string() }))

/** All keepers of this node, running or not. */
export async function listKeepers(signal: AbortSignal): Promise<{ id: string; name: string; state: string }[]> {
  const query = { all: true, ...filters({ label: [`${label.role}=platform`, `${label.type}=keeper`] }) }
  const list = containerList.parse(await engine.json({ method: 'GET', path: '/containers/json', query }, signal))
  return list.map(each => ({ id: each.Id, name: (each.Names[0] ?? '').slice(1), state: each.State }))
}

export async function removeKeeper(id: string, signal: AbortSignal): Promise<void> {
  await engine.json({ method: 'POST', path: `/containers/${id}/stop`, query: { t: 60 } }, signal)
  await engine.json({ method: 'DELETE', path: `/containers/${id}` }, signal)
}

async function isServing(name: string, signal: AbortSignal): Promise<boolean> {
  const keepers = await listKeepers(signal)
  if (keepers.find(keeper => keeper.name === name)?.state !== 'running') return false
  return (await askSocket(paths.keeperSocket, '/health', signal)) !== null
}
