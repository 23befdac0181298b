import type { Context, Hono } from 'hono'
import { parseAppName } from '../../core/names.ts'
import type { EjectDocument } from '../documents.ts'
import { environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'
import { parseReleaseNumber } from './releases.ts'

/** All that an app needs to run elsewhere (docs/design/eject.md). */
export function ejectRoutes(api: Hono<ApiEnv>, { store, ejector }: ApiParts): void {
  const path = '/v1/apps/:app/environments/:environment'

  api.get(`${path}/eject`, async c =>
    c.json((await ejector.describe(await environmentOf(c, store))) satisfies EjectDocument),
  )

  /** For `docker load`. */
  api.get(`${path}/releases/:number/image`, async c => {
    const key = await environmentOf(c, store)
    const number = parseReleaseNumber(c.req.param('number'))
    return bytes(c, async signal => {
      const { bytes, chunks } = await ejector.image(key, number, signal)
      return { chunks, headers: { 'content-type': 'application/x-tar', 'content-length': String(bytes) } }
    })
  })

  /** A git bundle: for `git clone`. */
  api.get('/v1/apps/:app/repository', async c => {
    const app = parseAppName(c.req.param('app'))
    return bytes(c, async signal => ({
      chunks: ejector.repository(app, signal),
      headers: { 'content-type': 'application/x-git-bundle' },
    }))
  })
}

interface Bytes {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly headers: Readonly<Record<string, string>>
}

/** The first chunk is waited for, so that what is wrong at once is still a status; a later failure cuts the line. */
async function bytes(c: Context, open: (signal: AbortSignal) => Promise<Bytes>): Promise<Response> {
  const gone = new AbortController()
  const { chunks, headers } = await open(AbortSignal.any([gone.signal, c.req.raw.signal]))
  const iterator = chunks[Symbol.asyncIterator]()
  let early: IteratorResult<Uint8Array> | null = await iterator.next()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = early ?? (await iterator.next())
      early = null
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel(reason) {
      gone.abort(reason)
      await iterator.return?.()
    },
  })
  return new Response(body, { headers })
}
