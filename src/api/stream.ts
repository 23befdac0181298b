import type { Context } from 'hono'
import type { Clock } from '../core/clock.ts'
import { asAppError } from '../core/errors.ts'

/** Below the edge's silence of 55 s, and short enough that a cut line is noticed (ms). */
const heartbeatMs = 15_000

interface Format<T> {
  readonly contentType: string
  readonly item: (item: T) => string
  readonly heartbeat: string
  /** An error after the first byte cannot be a status any more. */
  readonly error: (code: string, message: string) => string
}

export function ndjson<T>(): Format<T> {
  return {
    contentType: 'application/x-ndjson',
    item: item => `${JSON.stringify(item)}\n`,
    heartbeat: '\n',
    error: (code, message) => `${JSON.stringify({ error: { code, message } })}\n`,
  }
}

/** Server-sent events; a client that comes back says the last `id` it saw. */
export function serverSentEvents<T>(parts: (item: T) => { id?: number; event: string; data: unknown }): Format<T> {
  return {
    contentType: 'text/event-stream',
    item: item => {
      const { id, event, data } = parts(item)
      return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    },
    heartbeat: ': still here\n\n',
    error: (code, message) => `event: error\ndata: ${JSON.stringify({ code, message })}\n\n`,
  }
}

/**
 * An answer that goes on as long as its source. `open` is given a signal that is aborted when the reader has gone, and
 * its first item is waited for, so that what is wrong at once is still a status.
 */
export async function streamed<T>(
  c: Context,
  { clock, format, open }: { clock: Clock; format: Format<T>; open: (signal: AbortSignal) => AsyncIterable<T> },
): Promise<Response> {
  const gone = new AbortController()
  const items = withHeartbeats(open(AbortSignal.any([gone.signal, c.req.raw.signal])), clock)
  const encoder = new TextEncoder()
  let early: Promise<IteratorResult<T | null>> | null = items.next()
  await Promise.race([early, clock.sleep(100, gone.signal)])
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await (early ?? items.next())
        early = null
        if (next.done) return controller.close()
        controller.enqueue(encoder.encode(next.value === null ? format.heartbeat : format.item(next.value)))
      } catch (error) {
        early = null
        if (gone.signal.aborted || c.req.raw.signal.aborted) return controller.close()
        const { code, message } = asAppError(error)
        controller.enqueue(encoder.encode(format.error(code, message)))
        controller.close()
      }
    },
    cancel: () => gone.abort(),
  })
  return new Response(body, {
    headers: { 'content-type': format.contentType, 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  })
}

/** The items, and null whenever none came for a while. */
async function* withHeartbeats<T>(source: AsyncIterable<T>, clock: Clock): AsyncGenerator<T | null, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let pending = iterator.next()
  try {
    for (;;) {
      const tick = new AbortController()
      const winner = await Promise.race([pending, clock.sleep(heartbeatMs, tick.signal).catch(() => undefined)])
      tick.abort()
      if (!winner) {
        yield null
        continue
      }
      if (winner.done) return
      pending = iterator.next()
      yield winner.value
    }
  } finally {
    // The source hears of its end by the signal; no one needs its last word.
    pending.catch(() => undefined)
    void iterator.return?.()?.then(undefined, () => undefined)
  }
}
