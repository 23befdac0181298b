import { readFile, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { label } from '../core/labels.ts'
import { parseNodeName, type NodeName } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import { engine, engineAnswers, filters } from './engine-call.ts'
import { debianRelease } from './packages.ts'
import { findPortHolders, totalMemory } from './ports-in-use.ts'
import { imageNames } from './recipes.ts'
import type { Site } from './site.ts'

const GiB = 1024 ** 3
/** For images and their layers in the builder; with the images there, for what an upgrade adds. */
const leastDisk = { first: 3 * GiB, later: 0.5 * GiB }
const leastMemory = 0.9 * GiB
/** The edge's, Swarm's, and the registry's on the loopback (ARCHITECTURE.md). */
const ports = [80, 443, 2377, 5443]

export interface Machine {
  readonly debian: number
  readonly node: NodeName
  readonly hasSystemd: boolean
}

/** What this machine is; rejects `not-allowed` or `invalid-input` where Lading cannot run on it. */
export async function readMachine(): Promise<Machine> {
  if (process.getuid?.() !== 0) {
    throw new AppError('not-allowed', 'this needs root: it installs packages and an engine', {
      hint: 'sudo ./lading up',
    })
  }
  const osRelease = await readFile('/etc/os-release', 'utf8')
  const debian = debianRelease(osRelease)
  if (debian === null) {
    const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? 'something else'
    throw new AppError('invalid-input', `Lading installs on Debian 12 and 13; this is ${name}`)
  }
  const init = (await readFile('/proc/1/comm', 'utf8')).trim()
  return { debian, node: parseNodeName(hostname().toLowerCase()), hasSystemd: init === 'systemd' }
}

/** Rejects with everything that stands in the way, not only the first; otherwise says what is there. */
export async function checkRoom(site: Site, signal: AbortSignal): Promise<string> {
  const disk = await statfs('/var/lib')
  const needed = hasImages(site) ? leastDisk.later : leastDisk.first
  const free = disk.bavail * disk.bsize
  const memory = await totalMemory()
  const problems: string[] = []
  if (free < needed) problems.push(`/var/lib has ${gib(free)} free; ${gib(needed)} are needed`)
  if (memory < leastMemory) problems.push(`the machine has ${gib(memory)} of memory; 1 GiB is needed`)
  const answers = await engineAnswers(signal)
  const ours = answers ? await platformContainers(signal) : []
  for (const holder of await findPortHolders(ports)) {
    if (ours.some(id => holder.controlGroup.includes(id))) continue
    if (holder.port === 2377 && answers) continue
    problems.push(`port ${holder.port} is taken by ${holder.program}`)
  }
  if (answers) {
    const swarm = await settledSwarm(signal)
    requireOwnSwarm(swarm, site)
    problems.push(...foreignSwarm(swarm))
  }
  if (problems.length > 0) {
    throw new AppError('conflict', 'this machine is not ready for Lading', {
      details: problems,
      hint: 'Clear these away, then run "lading up" again; nothing was changed.',
    })
  }
  return `ports free, ${gib(free)} of disk, ${gib(memory)} of memory`
}

/** The platform's images were there once: what is missing by now is small. */
function hasImages(site: Site): boolean {
  return site.decided && imageNames.every(name => site.decisions.images[name] !== undefined)
}

export interface SwarmState {
  /** `ours`: Lading made it. `active`: somebody else did. `worker`: nobody can tell. Else the engine's word for it. */
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
      ? 'Somebody has locked it (autolock): "docker swarm unlock" asks for the key.'
      : `Is ${clusterAddress} on this machine (ip address)?${boot}`
  throw new AppError('unavailable', `Lading's swarm does not start: ${error || state}`, {
    hint: `${remedy} Do not leave the swarm: the data key is in it.`,
  })
}

/**
 * True for a swarm that does not start, on a machine where Lading is installed: ours, and only a purge leaves it. Rejects
 * `conflict` on a worker, whose swarm somebody else manages.
 */
export function isDeadSwarm({ state }: SwarmState): boolean {
  if (state !== 'worker') return !runsOrIsNone(state)
  throw new AppError(
    'conflict',
    'this engine is a worker of a swarm that it does not manage: nobody here can tell whose',
    {
      hint: 'Nothing was removed. Take it out of that swarm (docker swarm leave), then run "lading down --purge --yes" again.',
    },
  )
}

/** A worker's does neither for us: nobody here can tell whose it is. */
function runsOrIsNone(state: string): boolean {
  return ['inactive', 'ours', 'active'].includes(state)
}

/** A swarm that Lading did not make is not touched: it may carry somebody's work. */
export function foreignSwarm({ state, error }: SwarmState): string[] {
  if (state === 'inactive' || state === 'ours') return []
  if (state === 'active' || state === 'worker')
    return ['the engine is part of a swarm that Lading did not make; leave it first: docker swarm leave --force']
  return [`the engine is part of a swarm that does not start: ${error || state}`]
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

async function platformContainers(signal: AbortSignal): Promise<string[]> {
  const query = filters({ label: [`${label.role}=platform`] })
  const list = await engine.json({ method: 'GET', path: '/containers/json', query }, signal)
  return z
    .array(z.object({ Id: z.string() }))
    .parse(list)
    .map(each => each.Id)
}

function gib(bytes: number): string {
  return `${(bytes / GiB).toFixed(1)} GiB`
}
