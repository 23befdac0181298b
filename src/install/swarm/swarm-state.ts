import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { engine } from './engine-call.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import type { Site } from '../steps/site.ts'

export interface SwarmState {
  /** `ours`: Lading made it. `active`: someone else did. `worker`: no one can tell. Else the engine's word for it. */
  readonly state: string
  /** Why it does not start; may be empty. */
  readonly error: string
}

/**
 * Rejects `unavailable` when this site's swarm does not start. Only one that runs shows whose it is, and ours is never to
 * be left: the data key is in it.
 */
export function requireOwnSwarm({ state, error }: SwarmState, site: Pick<Site, 'decided' | 'decisions'>): void {
  if (!site.decided || runsOrIsNone(state)) return
  const { clusterAddress, clusterInterface } = site.decisions
  const boot = clusterInterface === 'reserved' ? ' "lading boot" brings it back.' : ''
  const remedy =
    state === 'locked'
      ? 'It is locked (autolock): "docker swarm unlock" asks for the key.'
      : `Is ${clusterAddress} on this machine (ip address)?${boot}`
  throw new AppError('unavailable', `Lading's swarm does not start: ${error || state}`, {
    hint: `${remedy} Do not leave the swarm: the data key is in it.`,
  })
}

/**
 * True for a swarm that does not start, on a machine where Lading is installed: ours, and only a purge leaves it. Rejects
 * `conflict` on a worker, whose swarm someone else manages.
 */
export function isDeadSwarm({ state }: SwarmState): boolean {
  if (state !== 'worker') return !runsOrIsNone(state)
  throw new AppError(
    'conflict',
    'this engine is a worker of a swarm that it does not manage: whose it is cannot be seen from here',
    {
      hint: 'Nothing was removed. Take it out of that swarm (docker swarm leave), then run "lading down --purge --yes" again.',
    },
  )
}

/** A worker's does neither for us: whose it is cannot be seen from here. */
function runsOrIsNone(state: string): boolean {
  return ['inactive', 'ours', 'active'].includes(state)
}

/** A swarm that Lading did not make is not touched: it may carry someone's work. */
export function foreignSwarm({ state, error }: SwarmState): Obstacle[] {
  if (state === 'inactive' || state === 'ours') return []
  if (state === 'active' || state === 'worker')
    return [
      {
        what: 'the engine is part of a swarm that Lading did not make',
        next: 'If nothing of it is needed any more, leave it: docker swarm leave --force',
      },
    ]
  const what = `the engine is part of a swarm that does not start: ${error || state}`
  return [{ what, next: 'Bring it back, or ask the one who made it; its services and secrets are in it.' }]
}

/** An engine that has just started is `pending`, or not a manager yet, until its swarm runs: asked for up to 30 s. */
export async function settledSwarm(signal: AbortSignal): Promise<SwarmState> {
  const end = systemClock.monotonic() + 30_000
  for (;;) {
    const found = await readSwarm(signal)
    if (!['pending', 'worker'].includes(found.state) || systemClock.monotonic() > end) return found
    await systemClock.sleep(200, signal)
  }
}

export async function swarmState(signal: AbortSignal): Promise<string> {
  return (await readSwarm(signal)).state
}

const engineInfo = z.object({
  Swarm: z.object({
    LocalNodeState: z.string(),
    ControlAvailable: z.boolean().optional(),
    Error: z.string().optional(),
  }),
})
const swarmView = z.object({ Spec: z.object({ Labels: z.record(z.string(), z.string()).nullish() }) })

/** We label the swarm in the very call that makes it. */
export async function readSwarm(signal: AbortSignal): Promise<SwarmState> {
  const { Swarm } = engineInfo.parse(await engine.json({ method: 'GET', path: '/info' }, signal))
  const error = Swarm.Error ?? ''
  if (Swarm.LocalNodeState !== 'active') return { state: Swarm.LocalNodeState, error }
  if (Swarm.ControlAvailable !== true) return { state: 'worker', error: error || 'this node does not manage it' }
  try {
    const { Spec } = swarmView.parse(await engine.json({ method: 'GET', path: '/swarm' }, signal))
    return { state: Spec.Labels?.[label.role] === 'platform' ? 'ours' : 'active', error }
  } catch (cause) {
    // A manager that has just started has no leader for a moment.
    if (cause instanceof AppError && cause.code === 'unavailable') return { state: 'pending', error: cause.message }
    throw cause
  }
}
