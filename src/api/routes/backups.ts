import type { Hono } from 'hono'
import { z } from 'zod'
import { scheduleChange } from '../../backup/backups.ts'
import { AppError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { bodyOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

export const fileBody = z.strictObject({ passphrase: z.string().min(8).optional() })

/** Before the limit of bodies: a backup is as large as it is. */
export function backupFileRoutes(api: Hono<ApiEnv>, { backups }: ApiParts): void {
  api.post('/v1/backups/verify', async c => {
    const file = c.req.raw.body
    if (file === null) throw new AppError('invalid-input', 'the body must be a backup')
    return c.json(await backups.verify(file, c.req.raw.signal))
  })
}

export function backupRoutes(api: Hono<ApiEnv>, { backups }: ApiParts): void {
  api.get('/v1/backups', async c => c.json(await backups.status()))

  api.get('/v1/backups/kept', async c => c.json(await backups.kept()))

  /** What the schedule does, now. */
  api.post('/v1/backups', async c => c.json(await backups.now()))

  api.patch('/v1/backups/schedule', async c => c.json(await backups.change(await bodyOf(c, scheduleChange))))

  /** One backup as the body; what fails after its first bytes cuts it off, and it then does not open. */
  api.post('/v1/backups/file', async c => {
    const { passphrase } = await bodyOf(c, fileBody)
    const gone = new AbortController()
    const chunks = backups.pack(passphrase === undefined ? null : new Secret(passphrase), gone.signal)
    const iterator = chunks[Symbol.asyncIterator]()
    // Whatever keeps it from beginning is still told as an error.
    const first = await iterator.next()
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        if (!first.done) controller.enqueue(first.value)
      },
      async pull(controller) {
        const next = await iterator.next()
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      },
      cancel() {
        gone.abort(new Error('the client has gone'))
      },
    })
    return c.body(body, 200, { 'content-type': 'application/octet-stream' })
  })
}
