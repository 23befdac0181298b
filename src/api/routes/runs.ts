import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../../access/principal.ts'
import { parseRunId } from '../../core/names.ts'
import type { Verdict } from '../../core/release.ts'
import type { Run } from '../../core/run.ts'
import { verdictStep } from '../../core/verify-plan.ts'
import type { RunEvent } from '../../pipeline/pipeline.ts'
import { environmentOf, limitQuery, queryOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'
import { noRun } from '../place.ts'
import { serverSentEvents, streamed } from '../stream.ts'

export const eventsQuery = z.strictObject({ after: z.coerce.number().int().min(0).default(0) })

const format = serverSentEvents<RunEvent>(event =>
  event.kind === 'line'
    ? { id: event.seq, event: 'line', data: { seq: event.seq, text: event.text } }
    : { event: 'outcome', data: event.run },
)

export function runRoutes(api: Hono<ApiEnv>, { store, pipeline, clock }: ApiParts): void {
  api.get('/v1/apps/:app/environments/:environment/runs', async c => {
    const key = await environmentOf(c, store)
    return c.json(await store.listRuns(key, queryOf(c, limitQuery).limit))
  })

  api.get('/v1/runs/:run', async c => {
    const run = await runOf(c)
    const verdict = ((await store.findStep(run.id, verdictStep))?.result ?? null) as Verdict | null
    return c.json({ ...run, verdict, lines: await store.readLines(run.id, 0) })
  })

  /** Lines from the first, or after `Last-Event-ID`, then the outcome; it ends there. */
  api.get('/v1/runs/:run/events', async c => {
    const { id } = await runOf(c)
    const seen = Number(c.req.header('last-event-id') ?? NaN)
    const after = Number.isSafeInteger(seen) && seen >= 0 ? seen : queryOf(c, eventsQuery).after
    return streamed(c, { clock, format, open: signal => pipeline.follow(id, after, signal) })
  })

  api.post('/v1/runs/:run/cancel', async c => {
    const { id } = await runOf(c)
    return c.json(await pipeline.cancel(id, `cancelled by ${nameOf(c.get('principal'))}`))
  })

  async function runOf(c: Context<ApiEnv>): Promise<Run> {
    const id = parseRunId(c.req.param('run') ?? '')
    const run = await store.findRun(id)
    if (run) return run
    throw noRun(id)
  }
}
