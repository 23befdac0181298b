import type { LoadReport } from '../load/report.ts'
import { judge, noTraces, type End } from './oracles.ts'
import type { Moment } from './plan.ts'
import type { Site } from './site.ts'
import { reach } from './stages.ts'
import { victim } from './targets.ts'

export interface TrialResult {
  readonly moment: Moment
  /** State of the row at the kill. */
  readonly seen: string
  readonly ends: readonly End[]
  /** Of the killed push. */
  readonly gitCode: number | null
  readonly sent: number
  readonly failedBy: Readonly<Record<string, number>>
  /** From the kill until control plane, edge and app answered. */
  readonly wholeAfterMs: number
}

/** One kill, from the push before it to the push after it. Rejects when an oracle, or the platform, does not hold. */
export async function trial(site: Site, moment: Moment): Promise<TrialResult> {
  // A control plane that has just started deletes nothing yet: killed again and again it would never come to it.
  if (moment.target === 'control plane' || moment.target === 'engine') await noTraces(site)
  const load = await site.load()
  try {
    const prey = await victim(moment.target, site.platform.host)
    const reached = await reach(site, moment)
    prey.kill()
    const killedAt = performance.now()
    reached.atOnce()
    await prey.replaced()
    await site.whole()
    const wholeAfterMs = performance.now() - killedAt
    reached.later()
    const ends: End[] = []
    for (const push of reached.pushes) ends.push(await judge(site, push, moment, push === reached.pushes.at(-1)))
    await answered(reached.request, moment)
    await site.proves()
    const report = await load.stop()
    judgeLoad(site, report, moment)
    const { code } = await reached.pushes.at(-1)!.outcome
    return { moment, seen: reached.seen ?? 'no row', ends, gitCode: code, ...counted(report), wholeAfterMs }
  } finally {
    load[Symbol.dispose]()
  }
}

/** Its process, and the connection to it, survive a control plane and a keeper; with HAProxy the connection is gone. */
async function answered(request: Promise<{ status: number; body: string }> | undefined, moment: Moment): Promise<void> {
  const answer = await request
  if (!answer || moment.target === 'HAProxy' || moment.target === 'engine') return
  if (answer.status !== 200) throw new Error(`the open request on the old release: ${answer.status} ${answer.body}`)
}

function judgeLoad(site: Site, report: LoadReport, { target }: Moment): void {
  const bodies = report.streams.flatMap(({ answers }) => answers.map(({ body }) => body))
  const wrong = bodies.filter(body => !site.wentLive.has(body))
  if (wrong.length > 0) throw new Error(`answered without having gone live: ${[...new Set(wrong)].join(', ')}`)
  const { failedBy } = counted(report)
  const failures = report.streams.flatMap(stream => stream.failures)
  if ((target === 'control plane' || target === 'keeper') && failures.length > 0)
    throw new Error(`requests were lost: ${JSON.stringify(failedBy)}, the first: ${JSON.stringify(failures[0])}`)
}

function counted({ streams }: LoadReport): Pick<TrialResult, 'sent' | 'failedBy'> {
  const failedBy: Record<string, number> = {}
  for (const stream of streams)
    for (const [cause, count] of Object.entries(stream.failedBy)) failedBy[cause] = (failedBy[cause] ?? 0) + count
  return { sent: streams.reduce((sum, { sent }) => sum + sent, 0), failedBy }
}
