import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { AppError, asAppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import { parseDomainName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import type { HaproxyEdge } from '../proxy/haproxy/edge.ts'
import { readRouterLog } from '../proxy/router-log/router-log-reader.ts'
import type { Clock } from '../core/clock.ts'
import { enginePrefix, proxyToEngine, statusOf } from './engine-proxy.ts'
import type { EngineWatch } from './engine-watch.ts'
import { listeningSockets } from './listening.ts'
import {
  parseChallenge,
  parseEnvironment,
  parseLane,
  parseRelease,
  parseRoute,
  parseSourceLimits,
  readJson,
  readText,
} from './requests.ts'
import { processNames, type Views } from './views.ts'

export interface ApiOptions {
  readonly edge: HaproxyEdge
  readonly engineWatch: EngineWatch
  readonly views: Views
  readonly engineSocket: string
  readonly clock: Clock
  readonly health: () => Promise<object>
  /** A keeper of this generation asks to take over; resolves when nothing here changes anything any more. */
  readonly handOver: (generation: number) => Promise<void>
  /** Aborted when this keeper retires: streams end, their readers find the next keeper. */
  readonly retired: AbortSignal
}

type Handler = (call: Call) => Promise<unknown>

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  /** Aborted when the client goes or this keeper retires. */
  readonly signal: AbortSignal
}

const heartbeatMs = 5000

/** The keeper's API (ARCHITECTURE.md). A handler's result is sent as JSON; nothing is 204. */
export function keeperApi(options: ApiOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { edge, engineWatch, views } = options

  const handlers: Readonly<Record<string, Handler>> = {
    'PUT lanes': async ({ request }) => edge.allocate(parseLane(await readJson(request)), termOf(request)),
    'DELETE lanes': async ({ request, parts: [, , app, environment, release] }) =>
      edge.release(parseRelease(app, environment, release), termOf(request)),
    'PUT routes': async ({ request }) => edge.route(parseRoute(await readJson(request)), termOf(request)),
    'DELETE routes': async ({ request, parts: [, , app, environment] }) =>
      edge.unroute(parseEnvironment(app, environment), termOf(request)),
    'PUT certificates': async ({ request, parts }) =>
      edge.certify(parseDomainName(parts[2] ?? ''), new Secret(await readText(request)), termOf(request)),
    'DELETE certificates': async ({ request, parts }) =>
      edge.uncertify(parseDomainName(parts[2] ?? ''), termOf(request)),
    'PUT https': async ({ request, parts }) => edge.onlyHttps(parseDomainName(parts[2] ?? ''), true, termOf(request)),
    'DELETE https': async ({ request, parts }) =>
      edge.onlyHttps(parseDomainName(parts[2] ?? ''), false, termOf(request)),
    'PUT source-limits': async ({ request }) =>
      edge.limitSources(parseSourceLimits(await readJson(request)), termOf(request)),
    'PUT challenges': async ({ request, parts }) =>
      edge.challenge(parseChallenge(parts[2]), parseChallenge(await readText(request)), termOf(request)),
    'DELETE challenges': async ({ request, parts }) => edge.challenge(parseChallenge(parts[2]), null, termOf(request)),
    'GET state': async () => edge.state(),
    'GET tenants': async () => edge.admission.occupants(),
    'GET health': () => options.health(),
    'POST hand-over': async ({ request }) => options.handOver(Number((await readJson(request)).generation)),
    'GET listening': async ({ parts }) => {
      const process = engineWatch.processes.get(parts[1] ?? '')
      if (!process) throw new AppError('not-found', `no process ${parts[1]} is known on this node`)
      return process.state === 'running' ? listeningSockets(process.pid) : []
    },
    'GET watch': async call => {
      const key = parseEnvironment(call.parts[1], call.parts[2])
      await sendLines(call, views.watch(key, call.signal), options.clock)
    },
    'GET router-log': async call => {
      const key = parseEnvironment(call.parts[1], call.parts[2])
      const lines = readRouterLog({
        edge,
        environment: environmentId(key),
        tail: Math.min(10_000, Math.max(0, Number(call.query.get('tail') ?? 100) || 0)),
        follow: call.query.get('follow') === '1',
        nameOf: processNames(edge, engineWatch.processes),
        clock: options.clock,
        signal: call.signal,
      })
      await sendLines(call, lines, options.clock)
    },
  }

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://keeper')
    const parts = url.pathname.split('/').slice(1).map(decodeURIComponent)
    const changes = request.method !== 'GET' && request.method !== 'HEAD'
    if (changes && parts[0] !== 'hand-over') await edge.assertTerm(termOf(request))
    if (url.pathname.startsWith(`${enginePrefix}/`)) {
      return proxyToEngine(options.engineSocket, request, response)
    }
    const handler = handlers[`${request.method} ${parts[0] === 'edge' ? parts[1] : parts[0]}`]
    if (!handler) throw new AppError('not-found', `the keeper has no ${request.method} ${url.pathname}`)
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const signal = AbortSignal.any([gone.signal, options.retired])
    const result = await handler({ request, response, parts, query: url.searchParams, signal })
    if (response.headersSent || response.destroyed) return
    if (result === undefined) return void response.writeHead(204).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(result)}\n`)
  }

  return (request, response) => {
    answer(request, response).catch((error: unknown) => sendProblem(response, error))
  }
}

/**
 * The term of a changing call. Rejects `invalid-input` without one: every writer holds a lease (law:
 * one-control-plane-writes).
 */
export function termOf(request: IncomingMessage): number {
  const text = request.headers['lading-term']
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text)
  throw new AppError('invalid-input', 'a changing call needs the header lading-term')
}

/** RFC 9457. */
export function sendProblem(response: ServerResponse, thrown: unknown): void {
  const error = asAppError(thrown)
  if (response.headersSent || response.destroyed) return void response.destroy()
  const body = { code: error.code, title: error.code, detail: error.message, hint: error.hint, details: error.details }
  response.writeHead(statusOf(error), { 'content-type': 'application/problem+json' }).end(`${JSON.stringify(body)}\n`)
}

/** NDJSON; an empty line every five seconds shows that the keeper lives. A slow reader is waited for. */
export async function sendLines(
  { response, signal }: Pick<Call, 'response' | 'signal'>,
  items: AsyncIterable<unknown>,
  clock: Clock,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.flushHeaders()
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const beat = async () => {
    for (;;) {
      await clock.sleep(heartbeatMs, either)
      response.write('\n')
    }
  }
  beat().catch((error: unknown) => {
    if (!either.aborted) response.destroy(error instanceof Error ? error : undefined)
  })
  try {
    for await (const item of items) {
      if (response.destroyed) return
      if (!response.write(`${JSON.stringify(item)}\n`)) await once(response, 'drain', { signal }).catch(() => undefined)
    }
    response.end()
  } finally {
    // A slow reader has the end long after it was written, and a line after it is an error.
    ended.abort()
  }
}
