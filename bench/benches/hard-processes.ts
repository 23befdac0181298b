import { Load } from '../../test/e2e/load.ts'
import type { Bench, BenchContext } from '../bench.ts'
import type { BenchResult } from '../framework/result.ts'
import { failedOf, lossNotes } from '../losses.ts'

interface Kind {
  readonly id: string
  readonly what: string
  readonly behaviour: { readonly bootMs: number; readonly onTerm: 'finish' | 'ignore' | 'exit' }
}

const kinds: readonly Kind[] = [
  { id: 'N7.slow', what: 'takes 3 s to listen', behaviour: { bootMs: 3000, onTerm: 'finish' } },
  { id: 'N7.deaf', what: 'is deaf to SIGTERM', behaviour: { bootMs: 0, onTerm: 'ignore' } },
  { id: 'N7.abrupt', what: 'stops accepting at SIGTERM at once', behaviour: { bootMs: 0, onTerm: 'exit' } },
]

/** N7: processes that do not behave. */
export const hardProcesses: Bench = {
  name: 'hard-processes',
  what: 'failed requests over deploys of processes that boot slowly, ignore SIGTERM, or end at it',

  async run(context: BenchContext): Promise<BenchResult> {
    const all: BenchResult[] = []
    for (const kind of kinds) all.push(await measure(kind, context))
    return {
      rows: all.flatMap(one => one.rows),
      bars: all.flatMap(one => one.bars),
      notes: all.flatMap(one => one.notes),
    }
  },
}

async function measure(
  { id, what, behaviour }: Kind,
  { site: get, quick, rate, signal }: BenchContext,
): Promise<BenchResult> {
  const site = await get()
  const files = { 'behaviour.json': JSON.stringify(behaviour) }
  const app = await site.app({ name: 'hard', source: 'hello', files })
  await app.commitVersion('v0')
  await app.deploy()
  const to = { host: app.hostName, path: '/' }
  using load = await Load.start({
    connect: site.edge,
    streams: [
      { kind: 'requests', name: 'keep-alive', rate: 0.5 * rate, keepAlive: true, ...to },
      { kind: 'requests', name: 'one connection each', rate: 0.25 * rate, keepAlive: false, ...to },
    ],
  })
  const deploys = quick ? 2 : 10
  for (let n = 1; n <= deploys; n++) {
    signal.throwIfAborted()
    await app.commitVersion(`v${n}`)
    await app.deploy()
    // Until the old one has had its SIGTERM and its SIGKILL: that is what this is about.
    await app.rested()
  }
  const report = await load.stop()
  const failed = failedOf(report, [])
  return {
    rows: [{ what: `a process that ${what}: failed of ${sent(report.streams)}`, unit: 'failed', values: [failed] }],
    bars: [
      { id, what: `a process that ${what}: 0 failed`, value: failed, limit: 0, unit: 'failed', direction: 'at most' },
    ],
    notes: lossNotes(report, failed).map(note => `${id}: ${note}`),
  }
}

function sent(streams: readonly { readonly sent: number }[]): number {
  return streams.reduce((sum, stream) => sum + stream.sent, 0)
}
