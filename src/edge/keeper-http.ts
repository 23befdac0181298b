import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { AppError, type ErrorCode } from '../core/errors.ts'
import { within } from '../lib/async/deadline.ts'
import { wholeLines } from '../lib/async/lines.ts'

export interface KeeperCall {
  readonly socketPath: string
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly path: string
  readonly term: number
  readonly body?: string
  readonly clock: Clock
}

/**
 * Longer than the longest lawful call (ms): an allocation that waits for a reload (30 s at most), behind a hand-over that
 * fails (30 s too). The signal of a call under the lease ends it long before, when the lease does (law:
 * one-control-plane-writes).
 */
const callMs = 75_000
/** Two heartbeats and a bit: a stream that has not begun, or that is read and says nothing, for longer is dead (ms). */
export const silenceMs = 12_000

/**
 * One call of a keeper's API and the whole answer. Rejects with the keeper's own error, `unavailable` when none answers or
 * it takes too long, or the signal's reason.
 */
export async function callKeeper(call: KeeperCall, signal: AbortSignal): Promise<string> {
  return within({ clock: call.clock, ms: callMs, late: () => silent(call, callMs) }, async over => {
    const either = AbortSignal.any([signal, over])
    return readText(await open(call, either), either)
  })
}

/** A stream of the keeper's API, for as long as it lasts: only its beginning has a limit. */
export async function openStream(call: KeeperCall, signal: AbortSignal): Promise<IncomingMessage> {
  const own = new AbortController()
  const either = AbortSignal.any([signal, own.signal])
  const deadline = { clock: call.clock, ms: silenceMs, late: () => silent(call, silenceMs) }
  try {
    return await within(deadline, () => open(call, either))
  } catch (error) {
    own.abort()
    throw error
  }
}

async function open(call: KeeperCall, signal: AbortSignal): Promise<IncomingMessage> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { socketPath, method, path, term, body } = call
  const headers = { 'lading-term': String(term), 'content-length': Buffer.byteLength(body ?? '') }
  const request = httpRequest({ socketPath, method, path, headers, signal, agent: false }, resolve)
  request.on('error', error => reject(signal.aborted ? signal.reason : away(error)))
  request.end(body)
  const response = await promise
  const status = response.statusCode ?? 0
  if (status < 400) return response
  throw problem(status, await readText(response, signal))
}

async function readText(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer)
  } catch (error) {
    throw signal.aborted ? signal.reason : away(error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The body as NDJSON; empty lines (heartbeats) are null, so that a reader can tell a silent keeper from a dead one. */
export async function* readItems<T>(response: IncomingMessage): AsyncIterable<T | null> {
  for await (const line of wholeLines(response.setEncoding('utf8'))) yield line === '' ? null : (JSON.parse(line) as T)
}

function away(cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AppError('unavailable', `the keeper does not answer: ${reason}`, { retryable: true, cause })
}

function silent({ method, path }: KeeperCall, ms: number): AppError {
  return new AppError('unavailable', `the keeper took ${method} ${path} and has not answered for ${ms / 1000} s`, {
    retryable: true,
    hint: 'Push again in a minute; if it stays so, see on the server: docker logs $(docker ps -qf name=lading-keeper)',
  })
}

function problem(status: number, body: string): AppError {
  const facts = parsed(body)
  return new AppError(facts.code ?? 'internal', facts.detail ?? `the keeper answered ${status}`, {
    retryable: facts.code === 'unavailable' || facts.code === 'no-room',
    ...(facts.hint ? { hint: facts.hint } : {}),
    ...(facts.details ? { details: facts.details } : {}),
  })
}

interface Problem {
  readonly code?: ErrorCode
  readonly detail?: string
  readonly hint?: string
  readonly details?: readonly string[]
}

function parsed(body: string): Problem {
  try {
    return JSON.parse(body) as Problem
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return {}
  }
}
