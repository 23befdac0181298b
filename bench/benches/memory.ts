import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../test/rig/eventually.ts'
import type { Host } from '../../test/rig/host.ts'
import type { Bench, BenchContext } from '../bench.ts'
import type { Bar } from '../framework/bar.ts'
import type { BenchResult } from '../framework/result.ts'

/** N5: memory that the platform keeps to itself. */
export const memory: Bench = {
  name: 'memory',
  what: 'PSS of control plane, keeper, log follower and registry after 50 deploys and 10 minutes of rest, builder stopped',

  async run(context: BenchContext): Promise<BenchResult> {
    const { host } = await deployOften(context)
    await pause(context.quick ? 5_000 : 10 * 60_000, undefined, { signal: context.signal })
    await eventually('the builder has stopped', async () => (await containers(host, 'lading-builder')).length === 0, {
      withinMs: 10 * 60_000,
      everyMs: 2_000,
    })
    const control = await pssOf(host, 'lading-control')
    const keeper = await pssOf(host, 'lading-keeper')
    const haproxy = await pssOf(host, 'lading-keeper', 'haproxy')
    const follower = await pssOf(host, 'lading-logs')
    const registry = await pssOf(host, 'lading-registry')
    const engine = await pss(host, await enginePids(host))
    return {
      rows: [
        { what: 'control plane', unit: 'MB', values: [control] },
        { what: 'keeper with edge', unit: 'MB', values: [keeper] },
        { what: 'of it HAProxy', unit: 'MB', values: [haproxy] },
        { what: 'log follower', unit: 'MB', values: [follower] },
        { what: 'registry', unit: 'MB', values: [registry] },
        { what: 'engine and containerd, for comparison', unit: 'MB', values: [engine] },
      ],
      bars: [
        bar('N5.control', 'control plane', control, 120),
        bar('N5.all', 'everything the platform runs on one node', control + keeper + follower + registry, 250),
        bar('N5.keeper', 'keeper of a further node (measured: this node’s, with its edge)', keeper, 60),
      ],
      notes: ['Shims and docker-proxies of containers are the engine’s, and are not counted.'],
    }
  },
}

function bar(id: string, what: string, value: number, limit: number): Bar {
  return { id, what, value, limit, unit: 'MB', direction: 'at most' }
}

async function deployOften(context: BenchContext) {
  const site = await context.site()
  const app = await site.app({ name: 'memory', source: 'hello' })
  const deploys = context.quick ? 3 : 50
  for (let n = 1; n <= deploys; n++) {
    context.signal.throwIfAborted()
    await app.commitVersion(`v${n}`)
    await app.deploy()
    if (n % 10 === 0) context.say(`${n} of ${deploys} deploys`)
  }
  await app.rested()
  return site
}

async function containers(host: Host, name: string): Promise<readonly string[]> {
  return (await host.run(['docker', 'ps', '-q', '--filter', `name=^${name}`])).split('\n').filter(Boolean)
}

/** Of the processes in the containers called so; only those of one program when it is given. */
async function pssOf(host: Host, name: string, program?: string): Promise<number> {
  const pids: string[] = []
  for (const id of await containers(host, name)) {
    const [, ...lines] = (await host.run(['docker', 'top', id, '-o', 'pid,comm'])).split('\n')
    const processes = lines.map(line => line.trim().split(/\s+/))
    pids.push(...processes.filter(([, comm]) => program === undefined || comm === program).map(([pid]) => pid!))
  }
  if (pids.length === 0) throw new Error(`no ${program ?? 'process'} runs in a container ${name}`)
  return pss(host, pids)
}

async function enginePids(host: Host): Promise<readonly string[]> {
  const text = await host.run(['pidof', 'dockerd', 'containerd'])
  return text.split(/\s+/)
}

/** Megabytes (10⁶): shared pages are counted in parts, so that sums are true. */
async function pss(host: Host, pids: readonly string[]): Promise<number> {
  const text = await host.run(['cat', ...pids.map(pid => `/proc/${pid}/smaps_rollup`)])
  const kibibytes = [...text.matchAll(/^Pss:\s+(\d+) kB$/gm)].map(match => Number(match[1]))
  return (kibibytes.reduce((sum, value) => sum + value, 0) * 1024) / 1e6
}
