import { Load } from '../../test/e2e/load.ts'
import type { Stream } from '../../test/e2e/load/options.ts'
import type { LoadReport } from '../../test/e2e/load/report.ts'
import type { BenchApp } from '../app.ts'
import type { Bench, BenchContext } from '../bench.ts'
import type { BenchResult } from '../framework/result.ts'
import { failedOf, lossNotes, lossRows } from '../losses.ts'

/** N2: what users lose while releases follow each other. */
export const noDrop: Bench = {
  name: 'no-drop',
  what: 'failed requests over 100 deploys at 2,000/s, with all kinds of long requests open',

  async run(context: BenchContext): Promise<BenchResult> {
    const site = await context.site()
    const app = await site.app({ name: 'nodrop', source: 'hello' })
    await app.commitVersion('v0')
    await app.deploy()
    using load = await Load.start({ connect: site.edge, streams: streams(app.hostName, context.rate) })
    const deploys = context.quick ? 3 : 100
    const done = await deployAll(app, deploys, context)
    const report = await load.stop()
    const failed = failedOf(report, done.switches) + app.lost.length
    return {
      rows: [
        { what: 'push → new version answers, under this load', unit: 'ms', values: done.elapsed },
        ...lossRows(report),
      ],
      bars: [bar(deploys, failed, context.rate)],
      notes: [
        ...lossNotes(report, failed),
        ...app.lost.map(cause => `The bench’s own question: ${cause}`),
        'A push waits until an older release has drained when four are there, and one always has a request of 20 s open.',
        sentNote(report),
      ],
    }
  },
}

function streams(host: string, rate: number): readonly Stream[] {
  const to = { host, path: '/' }
  return [
    { kind: 'requests', name: 'keep-alive', rate: 0.7 * rate, keepAlive: true, ...to },
    { kind: 'requests', name: 'one connection each', rate: 0.3 * rate, keepAlive: false, ...to },
    { kind: 'requests', name: '20 s requests', rate: 1, keepAlive: false, host, path: '/slow', timeoutMs: 40_000 },
    { kind: 'uploads', name: 'slow uploads', rate: 1, bytes: 1_000_000, overMs: 8000, host, path: '/upload' },
    { kind: 'websockets', name: 'WebSockets', count: 20, ...to },
  ]
}

/** Deploys one after the other, each as soon as the one before is live. */
async function deployAll(app: BenchApp, count: number, { say, signal }: BenchContext) {
  const switches: number[] = []
  const elapsed: number[] = []
  for (let n = 1; n <= count; n++) {
    signal.throwIfAborted()
    await app.commitVersion(`v${n}`)
    elapsed.push(await app.until(`v${n}`, () => app.deploy()))
    switches.push(performance.timeOrigin + performance.now())
    if (n % 10 === 0) say(`${n} of ${count} deploys`)
  }
  return { switches, elapsed }
}

function bar(deploys: number, value: number, rate: number) {
  const what = `failed requests over ${deploys} deploys at ${rate}/s`
  return { id: 'N2.failed', what, value, limit: 0, unit: 'failed', direction: 'at most' } as const
}

function sentNote({ streams: all }: LoadReport): string {
  return `Sent: ${all.map(stream => `${stream.sent} × ${stream.name}`).join(', ')}.`
}
