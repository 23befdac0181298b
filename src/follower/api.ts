import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { parseAppName, parseEnvironmentName, type EnvironmentKey } from '../core/names.ts'
import { listenPrivately } from '../lib/files.ts'
import type { Follower } from './follower.ts'
import { isWanted, Joiner, readPast, type Wanted } from './read.ts'
import { keptLine, type LineRecord } from './record.ts'

const heartbeatMs = 5_000
const mostTail = 10_000
/** A reader who is slower than the lines come is let go; he comes again and asks for what he missed. */
const mostWaiting = 50_000

/**
 * The follower's API, on a Unix socket that only root may open:
 * `GET /health`, `GET /environments/<app>/<environment>/lines?tail&since&source&follow`, `DELETE /environments/<app>/<environment>`.
 */
export async function openListener(follower: Follower, path: string, clock: Clock): Promise<Server> {
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    answer(follower, { request, response, clock }).catch((error: unknown) => refuse(response, error))
  })
  await listenPrivately(server, path)
  return server
}

interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly clock: Clock
}

async function answer(follower: Follower, asked: Asked): Promise<void> {
  const { request, response } = asked
  const url = new URL(request.url ?? '/', 'http://follower')
  const [what, app, environment, lines] = url.pathname.split('/').slice(1)
  if (request.method === 'GET' && what === 'health' && app === undefined) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(follower.health())}\n`)
    return
  }
  if (what !== 'environments') throw new AppError('not-found', `the follower has no ${request.method} ${url.pathname}`)
  const key = { app: parseAppName(app ?? ''), environment: parseEnvironmentName(environment ?? '') }
  if (request.method === 'DELETE' && lines === undefined) {
    follower.forget(key)
    return void response.writeHead(204).end()
  }
  if (request.method !== 'GET' || lines !== 'lines')
    throw new AppError('not-found', `the follower has no ${request.method} ${url.pathname}`)
  await sendLines(follower, key, wantedOf(url.searchParams), url.searchParams.get('follow') === '1', asked)
}

function wantedOf(query: URLSearchParams): Wanted {
  const tail = Number(query.get('tail') ?? 100)
  if (!Number.isSafeInteger(tail) || tail < 0) throw new AppError('invalid-input', 'tail is no whole number')
  return { tail: Math.min(tail, mostTail), since: query.get('since') ?? '', sources: query.getAll('source') }
}

async function sendLines(
  { logs }: Follower,
  key: EnvironmentKey,
  wanted: Wanted,
  follow: boolean,
  { response, clock }: Asked,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.flushHeaders()
  const send = async (record: LineRecord) => {
    if (!response.write(`${JSON.stringify(keptLine(record))}\n`))
      await once(response, 'drain', { signal: gone.signal }).catch(() => undefined)
  }
  const waiting: LineRecord[] = []
  let wake = () => {}
  const stopListening = follow
    ? logs.listen(key, records => {
        waiting.push(...records)
        wake()
      })
    : () => {}
  try {
    // Its first step, the newest segment, is taken in this very turn: no line is between the two, and none in both.
    const past = await readPast(logs.pathsOf(key), wanted, clock)
    if (logs.stopped !== null) await send(logs.note(`nothing is kept at the moment: ${logs.stopped}`))
    for (const record of past) await send(record)
    const joiner = new Joiner()
    while (follow && !gone.signal.aborted) {
      if (waiting.length > mostWaiting) break
      for (const record of waiting.splice(0)) {
        const line = isWanted(record, wanted) ? joiner.take(record) : null
        if (line !== null) await send(line)
      }
      if (waiting.length > 0) continue
      const own = new AbortController()
      wake = () => own.abort()
      await clock.sleep(heartbeatMs, AbortSignal.any([own.signal, gone.signal])).catch(() => undefined)
      if (waiting.length === 0 && !gone.signal.aborted) response.write('\n')
    }
    response.end()
  } finally {
    stopListening()
  }
}

function refuse(response: ServerResponse, thrown: unknown): void {
  const error = asAppError(thrown)
  if (response.headersSent) return void response.destroy()
  response.writeHead(error.status, { 'content-type': 'application/problem+json' })
  response.end(`${JSON.stringify({ code: error.code, title: error.code, detail: error.message })}\n`)
}
