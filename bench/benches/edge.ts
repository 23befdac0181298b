import type { LoadReport } from '../../test/e2e/load/report.ts'
import type { Host } from '../../test/rig/host.ts'
import type { Bench, BenchContext } from '../bench.ts'
import { hostOf, startBackend, startBare, startEdge, startNginx, startStatic, type Running } from '../edge-rig.ts'
import { median } from '../framework/numbers.ts'
import { interleave, ratios } from '../framework/pairs.ts'
import type { BenchResult } from '../framework/result.ts'

const MANY = 500
const checkout = '/opt/lading'
/** The time-out of the load generator. */
const LOST_MS = 10_000
/** Clock ticks of /proc: 100 a second on every Linux that Debian makes. */
const TICK_SECONDS = 0.01

/** N3: what the edge's own work costs: maps, lanes, time-outs per lane. */
export const edge: Bench = {
  name: 'edge',
  what: `the edge with one and with ${MANY} hosts, against the same proxy with the same headers and log and as many static backends`,

  async run(context: BenchContext): Promise<BenchResult> {
    const { host } = await context.site()
    await host.run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'haproxy', 'nginx-light', 'wrk'])
    const proxies = {
      backend: await startBackend(host),
      static: await startStatic(host, 1, 8101),
      staticMany: await startStatic(host, MANY, 8106),
      one: await startEdge(host, 1, 8102),
      many: await startEdge(host, MANY, 8103),
      bare: await startBare(host, 8104),
      nginx: await startNginx(host, 8105),
    }
    try {
      return result(await throughput(host, proxies, context), await latency(host, proxies, context))
    } finally {
      for (const { pid } of Object.values(proxies)) await host.exec(['kill', ...pid.split('\n')])
    }
  },
}

type Proxies = Readonly<Record<'backend' | 'static' | 'staticMany' | 'one' | 'many' | 'bare' | 'nginx', Running>>

async function throughput(host: Host, proxies: Proxies, { quick, signal }: BenchContext) {
  const perCpu = new Map<string, number[]>()
  const arm = (name: Exclude<keyof Proxies, 'backend'>) => async (round: number) => {
    const measured = await wrk(host, proxies[name], name === 'many' || name === 'staticMany' ? MANY : 1)
    if (round >= 0) perCpu.set(name, [...(perCpu.get(name) ?? []), measured.perCpuSecond])
    return measured.perSecond
  }
  const arms = {
    static: arm('static'),
    one: arm('one'),
    staticMany: arm('staticMany'),
    many: arm('many'),
    bare: arm('bare'),
    nginx: arm('nginx'),
  }
  const perSecond = await interleave(arms, { rounds: quick ? 3 : 9, signal })
  return { perSecond, perCpu: (name: string) => perCpu.get(name) ?? [] }
}

async function wrk(host: Host, proxy: Running, hosts: number) {
  const before = await cpuSeconds(host, proxy)
  const argv = ['wrk', '-t1', '-c64', '-d5s', '-s', `${checkout}/bench/benches/edge-hosts.lua`]
  const text = await host.run([...argv, `http://127.0.0.1:${proxy.port}/`], { env: { HOSTS: String(hosts) } })
  if (/Non-2xx|Socket errors/.test(text)) throw new Error(text)
  const requests = Number(/(\d+) requests in/.exec(text)?.[1])
  const perCpuSecond = requests / ((await cpuSeconds(host, proxy)) - before)
  return { perSecond: Number(/Requests\/sec:\s*([\d.]+)/.exec(text)?.[1]), perCpuSecond }
}

/** Of the process and the children it still has: nginx works in children, HAProxy in threads. */
async function cpuSeconds(host: Host, { pid }: Running): Promise<number> {
  const parent = pid.split('\n')[0]!
  const children = (await host.run(['cat', `/proc/${parent}/task/${parent}/children`])).split(' ').filter(Boolean)
  const stats = await host.run(['cat', ...[parent, ...children].map(one => `/proc/${one}/stat`)])
  const ticks = stats.split('\n').map(line => line.slice(line.lastIndexOf(')')).split(' '))
  return ticks.reduce((sum, fields) => sum + Number(fields[12]) + Number(fields[13]), 0) * TICK_SECONDS
}

async function latency(host: Host, proxies: Proxies, { quick, signal }: BenchContext) {
  const arm = (proxy: Running) => () => p99At2000(host, proxy)
  const arms = { direct: arm(proxies.backend), static: arm(proxies.static), many: arm(proxies.many) }
  return interleave(arms, { rounds: quick ? 3 : 9, signal })
}

/** Milliseconds; a measurement in which more than one request in a hundred failed counts as the load's time-out. */
async function p99At2000(host: Host, { port }: Running): Promise<number> {
  const program = ['node', `${checkout}/scripts/node24.mjs`, `${checkout}/test/e2e/load.ts`]
  const options = ['--connect', `127.0.0.1:${port}`, '--host', hostOf(0), '--rate', '2000', '--seconds', '5']
  // Not `run`: the generator exits 1 when a request failed, which a machine without a free core can bring about.
  const { stdout, stderr } = await host.exec([...program, ...options])
  if (stdout === '') throw new Error(stderr)
  const [stream] = (JSON.parse(stdout) as LoadReport).streams
  if (!stream) throw new Error(stdout)
  return stream.failed > stream.sent / 100 ? LOST_MS : stream.latency.p99
}

function result(
  { perSecond, perCpu }: Awaited<ReturnType<typeof throughput>>,
  p99: Awaited<ReturnType<typeof latency>>,
): BenchResult {
  const one = ratios(perCpu('one'), perCpu('static'))
  const many = ratios(perCpu('many'), perCpu('staticMany'))
  // Where the static one lost requests too, the machine was the limit, and the pair says nothing.
  const sound = p99.many.map((_, round) => round).filter(round => p99.static[round]! < LOST_MS)
  const added = sound.map(round => p99.many[round]! - p99.static[round]!)
  const atLeast = { unit: '× static', direction: 'at least' } as const
  return {
    rows: [
      ...Object.entries(perSecond).map(([name, values]) => ({ what: names[name]!, unit: 'requests/s', values })),
      {
        what: 'one host / static, requests per second',
        unit: 'ratio',
        values: ratios(perSecond.one, perSecond.static),
      },
      {
        what: `${MANY} hosts / ${MANY} static backends, requests per second`,
        unit: 'ratio',
        values: ratios(perSecond.many, perSecond.staticMany),
      },
      { what: 'one host / static, requests per CPU second of the proxy', unit: 'ratio', values: one },
      { what: `${MANY} hosts / ${MANY} static backends, per CPU second`, unit: 'ratio', values: many },
      {
        what: `${MANY} hosts / one static, per CPU second`,
        unit: 'ratio',
        values: ratios(perCpu('many'), perCpu('static')),
      },
      {
        what: `${MANY} static backends / one static, per CPU second`,
        unit: 'ratio',
        values: ratios(perCpu('staticMany'), perCpu('static')),
      },
      { what: 'one host / bare HAProxy, per CPU second', unit: 'ratio', values: ratios(perCpu('one'), perCpu('bare')) },
      { what: 'one host / nginx, per CPU second', unit: 'ratio', values: ratios(perCpu('one'), perCpu('nginx')) },
      { what: 'p99 at 2,000/s, no proxy', unit: 'ms', values: p99.direct },
      { what: 'p99 at 2,000/s, static', unit: 'ms', values: p99.static },
      { what: `p99 at 2,000/s, edge with ${MANY} hosts`, unit: 'ms', values: p99.many },
    ],
    bars: [
      { id: 'N3.one', what: 'edge with one host ≥ 0.90 of static', value: median(one), limit: 0.9, ...atLeast },
      {
        id: 'N3.many',
        what: `edge with ${MANY} hosts ≥ 0.75 of ${MANY} static backends`,
        value: median(many),
        limit: 0.75,
        ...atLeast,
      },
      {
        id: 'N3.p99',
        what: 'added p99 at 2,000/s',
        value: added.length > 0 ? median(added) : Infinity,
        limit: 1,
        unit: 'ms',
        direction: 'at most',
      },
    ],
    notes: [
      'The bars use requests per CPU second of the proxy: client, proxy and backend share the cores, so requests per second hide a part of a difference.',
      `${MANY} apps are ${MANY} backends for any proxy (docs/decisions/edge-floor.md); the ratios to one are reported.`,
      `Added p99 is of ${added.length} of ${p99.many.length} pairs; in the others the static proxy lost requests too.`,
      'The configuration, maps and lanes are those that the product writes (src/proxy/haproxy/config.ts).',
    ],
  }
}

const names: Readonly<Record<string, string>> = {
  static: 'same headers and log, one static backend',
  staticMany: `same headers and log, ${MANY} static backends`,
  one: 'edge, one host',
  many: `edge, ${MANY} hosts`,
  bare: 'bare HAProxy',
  nginx: 'bare nginx',
}
