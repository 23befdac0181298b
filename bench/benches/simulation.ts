import { join } from 'node:path'
import process from 'node:process'
import { outcome } from '../../test/rig/program.ts'
import type { Bench, BenchContext } from '../bench.ts'
import { median } from '../framework/numbers.ts'
import type { BenchResult } from '../framework/result.ts'

const program = join(import.meta.dirname, '../../test/simulation/main.ts')

/** N8: how many histories of crashes and faults a second can be lived through. */
export const simulation: Bench = {
  name: 'simulation',
  what: 'random histories of the simulation per second, on one core',

  async run({ quick, signal }: BenchContext): Promise<BenchResult> {
    const count = quick ? 100 : 1000
    const perSecond: number[] = []
    let broken = 0
    for (let round = 0; round < 3; round++) {
      const said = await histories(1 + round * count, count, signal)
      perSecond.push(said.perSecond)
      broken += said.broken
    }
    return {
      rows: [
        { what: 'histories', unit: 'histories/s', values: perSecond },
        { what: `broke a law, of ${3 * count}`, unit: 'histories', values: [broken] },
      ],
      bars: [
        {
          id: 'N8.rate',
          what: '10,000 histories within 5 minutes',
          value: median(perSecond),
          limit: 10_000 / 300,
          unit: 'histories/s',
          direction: 'at least',
        },
      ],
      notes: [],
    }
  },
}

async function histories(seed: number, count: number, signal: AbortSignal) {
  const argv = [process.execPath, program, '--seed', String(seed), '--count', String(count)]
  // It exits 1 when a history broke a law: here that is a number, and a failure in the test suite.
  const { stdout, stderr } = await outcome(argv, { signal })
  const match = /histories, (\d+) broke a law/.exec(stdout)
  if (!match) throw new Error(stderr || stdout)
  return { broken: Number(match[1]), perSecond: Number(/([\d.]+) histories\/s/.exec(stdout)?.[1]) }
}
