import { rowsAndBars } from '../../test/e2e/outages/judged.ts'
import { lineOf, outages, survive, type Survival } from '../../test/e2e/outages/outages.ts'
import { Town } from '../../test/e2e/outages/town.ts'
import type { Bench, BenchContext } from '../bench.ts'
import type { BenchResult } from '../framework/result.ts'

/** U13: how long visitors wait after the node was away. */
export const reboot: Bench = {
  name: 'reboot',
  what: 'reboot, power cut, restart and kill of the engine: from the engine’s first answer until everything answers as before',

  async run(context: BenchContext): Promise<BenchResult> {
    const { platform } = await context.site()
    using town = await Town.settle(platform)
    const survivals: Survival[] = []
    for (let round = 0; round < (context.quick ? 1 : 5); round++)
      for (const outage of outages) {
        context.signal.throwIfAborted()
        survivals.push(await survive(town, { outage, stage: null }))
        context.say(lineOf(survivals.at(-1)!))
      }
    return {
      ...rowsAndBars(survivals),
      notes: [
        'A town of six apps, one of which ends at its start while its neighbour does not answer (docs/design/kills.md).',
        'Everything: control plane, edge, apps, a worker. Asked every 100 ms.',
      ],
    }
  },
}
