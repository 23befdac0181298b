import { get } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import { within } from '../../lib/async/deadline.ts'
import { checkAnswerMs, connectMs } from '../slots.ts'

/** As long as HAProxy gives a check. All changes of the edge wait for it, so it holds for an answer byte by byte too. */
const probeMs = connectMs + checkAnswerMs

/**
 * One health check as HAProxy makes it, for slots whose checks are switched off while their lane fails open. Resolves
 * true for a status of 200–399 in time. HTTP/2 without TLS is spoken with node:http2, loaded only then.
 */
export async function probe(
  { protocol, address, path }: { protocol: 'h1' | 'h2c'; address: string; path: string },
  clock: Clock,
): Promise<boolean> {
  const ask = protocol === 'h1' ? statusOverHttp1 : statusOverHttp2
  const deadline = { clock, ms: probeMs, late: () => new Error(`no answer within ${probeMs} ms`) }
  const status = await within(deadline, signal => ask(`http://${address}`, path, signal)).catch(() => null)
  return status !== null && status >= 200 && status < 400
}

function statusOverHttp1(origin: string, path: string, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const request = get(`${origin}${path}`, { agent: false, signal }, response => {
      resolve(response.statusCode ?? null)
      request.destroy()
    })
    request.on('error', reject)
  })
}

async function statusOverHttp2(origin: string, path: string, signal: AbortSignal): Promise<number | null> {
  const http2 = await import('node:http2')
  const session = http2.connect(origin)
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const stream = session.request({ ':path': path })
      stream.on('response', headers => resolve(headers[':status'] ?? null))
      stream.on('error', reject)
    })
  } finally {
    session.destroy()
  }
}
