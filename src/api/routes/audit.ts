import type { Hono } from 'hono'
import { z } from 'zod'
import type { AuditRow } from '../../store/audit-store.ts'
import { queryOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'
import { ndjson, streamed } from '../stream.ts'

export const auditQuery = z.strictObject({
  /** The newest so many; without it, all that are kept. */
  tail: z.coerce.number().int().min(1).max(100_000).optional(),
})

const format = ndjson<AuditRow>()

export function auditRoutes(api: Hono<ApiEnv>, { audit, clock }: ApiParts): void {
  /** NDJSON, oldest first; an empty line is a heartbeat. */
  api.get('/v1/audit', async c => {
    const { tail } = queryOf(c, auditQuery)
    return streamed(c, { clock, format, open: () => audit.read(tail ?? null) })
  })
}
