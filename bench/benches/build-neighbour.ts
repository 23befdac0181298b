import { Load } from '../../test/e2e/load.ts'
import type { BenchApp } from '../app.ts'
import type { Bench, BenchContext } from '../bench.ts'
import { interleave, ratios } from '../framework/pairs.ts'
import type { BenchResult } from '../framework/result.ts'
import type { Site } from '../site.ts'
import { setTimeout as pause } from 'node:timers/promises'

const SECONDS = 15
const RATE = 200

/** B9: what an app feels of its neighbour's build. Reported, without a bar. */
export const buildNeighbour: Bench = {
  name: 'build-neighbour',
  what: `p99 of an app at ${RATE}/s while a neighbour's build takes all it may`,

  async run({ site: get, quick, signal }: BenchContext): Promise<BenchResult> {
    const site = await get()
    const app = await site.app({ name: 'calm', source: 'hello' })
    await app.commitVersion('v1')
    await app.deploy()
    await app.rested()
    const hungry = await site.app({ name: 'hungry', source: 'hungry' })
    const values = await interleave(
      { quiet: () => p99(site, app), building: round => whileBuilding(hungry, round, () => p99(site, app)) },
      { rounds: quick ? 1 : 5, warmUp: 0, signal },
    )
    return {
      rows: [
        { what: 'p99 without a build', unit: 'ms', values: values.quiet },
        { what: 'p99 during a build', unit: 'ms', values: values.building },
        { what: 'during / without', unit: '× without', values: ratios(values.building, values.quiet) },
      ],
      bars: [],
      notes: [`${SECONDS} s each. The load generator runs on the same cores as the build.`],
    }
  },
}

async function p99(site: Site, app: BenchApp): Promise<number> {
  const stream = {
    kind: 'requests',
    name: 'visitors',
    rate: RATE,
    keepAlive: true,
    host: app.hostName,
    path: '/',
  } as const
  using load = await Load.start({ connect: site.edge, streams: [stream] })
  await pause(SECONDS * 1000)
  const [report] = (await load.stop()).streams
  if (!report || report.failed > 0)
    throw new Error(`${report?.failed} requests failed: ${JSON.stringify(report?.failedBy)}`)
  return report.latency.p99
}

/** The build is under way when its step says so, and is cancelled, as ctrl-C does it, when the measurement is over. */
async function whileBuilding(app: BenchApp, round: number, measure: () => Promise<number>): Promise<number> {
  await app.commitVersion(`round ${round}`)
  const end = await app.pushing('perl')
  try {
    return await measure()
  } finally {
    await end()
  }
}
