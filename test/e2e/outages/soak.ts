import { join } from 'node:path'
import { keep } from '../../../bench/framework/keep.ts'
import { loadAverage, machineFacts } from '../../../bench/framework/machine.ts'
import { isHeld } from '../../../bench/framework/bar.ts'
import type { KeptResult } from '../../../bench/framework/result.ts'
import { Rig } from '../../rig/rig.ts'
import { Random } from '../../simulation/random.ts'
import { installed } from '../host.ts'
import { evidence } from '../kills/evidence.ts'
import { stages } from '../kills/plan.ts'
import { witnessed } from '../kills/site.ts'
import { rowsAndBars } from './judged.ts'
import { lineOf, outages, storyOf, survive, type Strike, type Survival } from './outages.ts'
import { Town } from './town.ts'

const checkout = join(import.meta.dirname, '../../..')

/**
 * `npm run soak -- --outages 20 --seed N`: every outage so often, each between pushes or at some stage of one, the result
 * kept in bench/results/ after each. Resolves with the exit code: 0 when all came back by themselves, in 60 s at most.
 */
export async function soakOutages(times: number, seed: number, say: (line: string) => void): Promise<number> {
  const rig = new Rig({ name: 'soak', say })
  await rig.down()
  const survivals: Survival[] = []
  let broken: string | null = null
  const facts = await machineFacts(checkout)
  const result = (): KeptResult => ({
    bench: `outages-seed-${seed}`,
    what: `${survivals.length} of ${times * outages.length} outages, seed ${seed}: ${broken === null ? 'everything came back' : 'BROKEN'}`,
    date: new Date().toISOString(),
    quick: false,
    machine: { ...facts, 'load at the end': loadAverage() },
    ...rowsAndBars(survivals),
    notes: [...(broken === null ? [] : [broken]), ...survivals.map(lineOf)],
  })
  try {
    const host = await rig.up({ name: 'server', debian: 'trixie' })
    const platform = await installed(host, { fromCache: true, args: witnessed(host) })
    using town = await Town.settle(platform)
    for (const strike of plan(seed, times)) {
      try {
        survivals.push(await survive(town, strike))
      } catch (error) {
        broken = `${storyOf(strike)}: ${error instanceof Error ? error.message : String(error)}`
        say(`${broken}\n${await evidence(platform.host)}`)
        break
      }
      say(`${survivals.length}: ${lineOf(survivals.at(-1)!)}`)
      await keep(join(checkout, 'bench/results'), result())
    }
  } finally {
    await rig.down()
  }
  say(`kept: ${await keep(join(checkout, 'bench/results'), result())}`)
  return broken === null && result().bars.every(isHeld) ? 0 : 1
}

/** In each round every outage once, in some order; half of them between pushes. */
function plan(seed: number, rounds: number): readonly Strike[] {
  const random = new Random(seed)
  const strikes: Strike[] = []
  for (let round = 0; round < rounds; round++) {
    const left = [...outages]
    while (left.length > 0) {
      const [outage] = left.splice(random.between(0, left.length - 1), 1)
      const stage = random.next() < 0.5 ? null : stages[random.between(0, stages.length - 1)]!
      strikes.push({ outage: outage!, stage })
    }
  }
  return strikes
}
