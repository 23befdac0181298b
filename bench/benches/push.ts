import type { BenchApp } from '../app.ts'
import type { Bench, BenchContext } from '../bench.ts'
import { Floor } from '../floor.ts'
import { median } from '../framework/numbers.ts'
import { interleave, ratios } from '../framework/pairs.ts'
import type { BenchResult } from '../framework/result.ts'

/** N1: from `git push` to the first answer of the new version at the edge. */
export const push: Bench = {
  name: 'push',
  what: 'a code-only push, until the new version answers, against plain git and docker',

  async run(context: BenchContext): Promise<BenchResult> {
    const site = await context.site()
    await using floor = await Floor.open(site)
    const dockerfile = await site.app({ name: 'dockerfile', source: 'hello', dockerfile: 'hello.Dockerfile' })
    const assembled = await site.app({ name: 'assembled', source: 'hello' })
    const values = await interleave(
      {
        floor: round => floor.push(`f${round + 1}`),
        dockerfile: round => timedPush(dockerfile, round),
        assembled: round => timedPush(assembled, round),
      },
      { rounds: context.quick ? 3 : 15, warmUp: 2, signal: context.signal },
    )
    return judged(values)
  },
}

async function timedPush(app: BenchApp, round: number): Promise<number> {
  const version = `v${round + 2}`
  await app.commitVersion(version)
  const elapsed = await app.until(version, () => app.deploy())
  await app.rested()
  return elapsed
}

function judged(values: Readonly<Record<'floor' | 'dockerfile' | 'assembled', readonly number[]>>): BenchResult {
  const { floor, dockerfile, assembled } = values
  const low = median(floor)
  return {
    rows: [
      { what: 'floor: push, build, push, service create, first 200', unit: 'ms', values: floor },
      { what: 'lading, Dockerfile', unit: 'ms', values: dockerfile },
      { what: 'lading, assembled', unit: 'ms', values: assembled },
      { what: 'Dockerfile / floor', unit: '× floor', values: ratios(dockerfile, floor) },
      { what: 'assembled / floor', unit: '× floor', values: ratios(assembled, floor) },
    ],
    bars: [
      {
        id: 'N1.dockerfile',
        what: 'code-only push by Dockerfile ≤ min(1.5 × floor, floor + 1.0 s)',
        value: median(dockerfile),
        limit: Math.min(1.5 * low, low + 1000),
        unit: 'ms',
        direction: 'at most',
      },
      {
        id: 'N1.assembled',
        what: 'code-only push of an assembled image ≤ 1.0 × floor (aim 0.8)',
        value: median(ratios(assembled, floor)),
        limit: 1,
        unit: '× floor',
        direction: 'at most',
      },
    ],
    notes: ['Each arm waits until nothing of its own is warm or draining before the next one starts.'],
  }
}
