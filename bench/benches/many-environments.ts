import type { BenchApp } from '../app.ts'
import type { Bench, BenchContext } from '../bench.ts'
import { Floor } from '../floor.ts'
import { median } from '../framework/numbers.ts'
import { interleave, ratios } from '../framework/pairs.ts'
import type { BenchResult } from '../framework/result.ts'

/** N6: whether a deploy feels its neighbours. */
export const manyEnvironments: Bench = {
  name: 'many',
  what: 'latency of a deploy with 300 environments on the node against one',
  long: true,

  async run(context: BenchContext): Promise<BenchResult> {
    const site = await context.site()
    await using floor = await Floor.open(site)
    const app = await site.app({ name: 'among', source: 'hello' })
    const rounds = context.quick ? 3 : 15
    const phase = async (name: string) =>
      interleave(
        { floor: round => floor.create(`${name}-${round + 1}`), push: round => timedPush(app, `${name}${round + 1}`) },
        { rounds, signal: context.signal },
      )
    const alone = await phase('alone')
    const neighbours = context.quick ? 10 : 299
    await settle(neighbours, context)
    const crowded = await phase('crowded')
    return {
      rows: [
        { what: 'push → answers, 1 environment', unit: 'ms', values: alone.push },
        { what: `push → answers, ${neighbours + 1} environments`, unit: 'ms', values: crowded.push },
        { what: 'crowded / alone', unit: '× alone', values: ratios(crowded.push, alone.push) },
        { what: 'floor: service create → running, 1 environment', unit: 'ms', values: alone.floor },
        { what: `floor: service create → running, ${neighbours + 1}`, unit: 'ms', values: crowded.floor },
      ],
      bars: [
        {
          id: 'N6.latency',
          what: `deploy latency with ${neighbours + 1} environments ≤ 1.5 × that with one`,
          value: median(crowded.push) / median(alone.push),
          limit: 1.5,
          unit: '× alone',
          direction: 'at most',
        },
      ],
      notes: [
        'The two phases cannot be interleaved; the floors beside them show what the engine itself became slower.',
      ],
    }
  },
}

async function timedPush(app: BenchApp, version: string): Promise<number> {
  await app.commitVersion(version)
  const elapsed = await app.until(version, () => app.deploy())
  await app.rested()
  return elapsed
}

/** Environments with one small process each. The first builds the image's layers, the others find them. */
async function settle(count: number, { site: get, say, signal }: BenchContext): Promise<void> {
  const site = await get()
  for (let n = 1; n <= count; n++) {
    signal.throwIfAborted()
    const app = await site.app({ name: 'small', source: 'tiny' })
    await app.commitVersion('v1')
    await app.deploy()
    if (n % 25 === 0) say(`${n} of ${count} environments`)
  }
}
