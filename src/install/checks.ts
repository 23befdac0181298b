import { readFile, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { label } from '../core/labels.ts'
import { parseNodeName, type NodeName } from '../core/names.ts'
import { engine, engineAnswers, filters } from './engine-call.ts'
import { debianRelease } from './packages.ts'
import { findPortHolders, totalMemory } from './ports-in-use.ts'

const GiB = 1024 ** 3
const leastDisk = 3 * GiB
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
export async function checkRoom(signal: AbortSignal): Promise<string> {
  const disk = await statfs('/var/lib')
  const free = disk.bavail * disk.bsize
  const memory = await totalMemory()
  const problems: string[] = []
  if (free < leastDisk) problems.push(`/var/lib has ${gib(free)} free; ${gib(leastDisk)} are needed`)
  if (memory < leastMemory) problems.push(`the machine has ${gib(memory)} of memory; 1 GiB is needed`)
  const answers = await engineAnswers(signal)
  const ours = answers ? await platformContainers(signal) : []
  for (const holder of await findPortHolders(ports)) {
    if (ours.some(id => holder.controlGroup.includes(id))) continue
    if (holder.port === 2377 && answers) continue
    problems.push(`port ${holder.port} is taken by ${holder.program}`)
  }
  if (answers) problems.push(...(await foreignSwarm(signal)))
  if (problems.length > 0) {
    throw new AppError('conflict', 'this machine is not ready for Lading', {
      details: problems,
      hint: 'Clear these away, then run "lading up" again; nothing was changed.',
    })
  }
  return `ports free, ${gib(free)} of disk, ${gib(memory)} of memory`
}

const engineInfo = z.object({
  Swarm: z.object({ LocalNodeState: z.string(), ControlAvailable: z.boolean().optional() }),
})
const swarmView = z.object({ Spec: z.object({ Labels: z.record(z.string(), z.string()).nullish() }) })

/** A swarm that Lading did not make is not touched: it may carry somebody's work. */
async function foreignSwarm(signal: AbortSignal): Promise<string[]> {
  const state = await swarmState(signal)
  if (state === 'inactive' || state === 'ours') return []
  return [
    `the engine is part of a swarm that Lading did not make (${state}); leave it first: docker swarm leave --force`,
  ]
}

/** `ours`, or the engine's word for what it is in. We label the swarm in the very call that makes it. */
export async function swarmState(signal: AbortSignal): Promise<string> {
  const { Swarm } = engineInfo.parse(await engine.json({ method: 'GET', path: '/info' }, signal))
  if (Swarm.LocalNodeState !== 'active' || Swarm.ControlAvailable !== true) return Swarm.LocalNodeState
  const { Spec } = swarmView.parse(await engine.json({ method: 'GET', path: '/swarm' }, signal))
  return Spec.Labels?.[label.role] === 'platform' ? 'ours' : Swarm.LocalNodeState
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
