import { readFile, readdir } from 'node:fs/promises'
import process from 'node:process'
import { eventually } from '../../rig/eventually.ts'
import type { Host } from '../../rig/host.ts'
import type { Target } from './plan.ts'

/** Something to be killed: looked up before the moment, so that nothing but the signal is between moment and death. */
export interface Victim {
  /** SIGKILL, from outside the host. */
  kill(): void
  /** Resolves when another one runs in its place; what no platform starts by itself (the engine), it starts. */
  replaced(): Promise<void>
}

const control = ['--filter', 'label=com.docker.swarm.service.name=lading-control']
const keeper = ['--filter', 'name=^lading-keeper-']

export async function victim(target: Target, host: Host): Promise<Victim> {
  if (target === 'engine') return engineOf(host)
  const look = {
    'control plane': () => processOf(host, control),
    keeper: () => keeperOf(host),
    HAProxy: () => host.processes('haproxy'),
  }[target]
  const pids = await eventually(`${target} runs`, async () => nonEmpty(await look()))
  return {
    kill: () => pids.forEach(pid => process.kill(pid, 'SIGKILL')),
    replaced: async () => {
      await eventually(`another ${target} runs`, async () => (await look()).some(pid => !pids.includes(pid)))
    },
  }
}

/** Outer id of the first process of the control plane's container. */
export async function controlPlane(host: Host): Promise<number> {
  const [pid] = await processOf(host, control)
  if (pid === undefined) throw new Error('no control plane runs')
  return pid
}

async function engineOf(host: Host): Promise<Victim> {
  const pids = await host.enginePids()
  return {
    kill: () => pids.forEach(pid => process.kill(pid, 'SIGKILL')),
    replaced: async () => {
      await host.killEngine()
      await host.startEngine()
    },
  }
}

async function processOf(host: Host, filter: readonly string[]): Promise<readonly number[]> {
  const ids = (await host.run(['docker', 'ps', '--quiet', '--no-trunc', ...filter])).split('\n').filter(Boolean)
  if (ids.length === 0) return []
  const inner = await host.run(['docker', 'inspect', '--format', '{{.State.Pid}}', ...ids])
  return outer(host, inner.split('\n').map(Number))
}

/** The process itself: its container and HAProxy live on (images/keeper/keep.sh). */
async function keeperOf(host: Host): Promise<readonly number[]> {
  const ids = (await host.run(['docker', 'ps', '--quiet', '--no-trunc', ...keeper])).split('\n').filter(Boolean)
  const lines = await Promise.all(ids.map(id => host.run(['docker', 'top', id, '-eo', 'pid,args'])))
  const inner = [...lines.join('\n').matchAll(/^\s*(\d+)\s+node .*keeper\.js$/gm)].map(([, pid]) => Number(pid))
  return outer(host, inner)
}

/** The engine counts processes in the host's pid namespace, `kill` in the machine's: NSpid has both. */
async function outer(host: Host, inner: readonly number[]): Promise<readonly number[]> {
  const found: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const ids = /^NSpid:\s+(.*)$/m.exec(await readFile(`/proc/${entry}/status`, 'utf8').catch(ifGone))?.[1]?.split('\t')
    if (!ids || !inner.includes(Number(ids[1]))) continue
    const groups = await readFile(`/proc/${entry}/cgroup`, 'utf8').catch(ifGone)
    if (groups.includes(`/${host.facts.cgroup}`)) found.push(Number(entry))
  }
  return found
}

function ifGone(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
  throw error
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null
}
