import { request as httpRequest, type IncomingMessage } from 'node:http'
import { AppError, type ErrorCode } from '../core/errors.ts'

export interface KeeperCall {
  readonly socketPath: string
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly path: string
  readonly term: number
  readonly body?: string
}

/** One call of a keeper's API. Rejects with the keeper's own error, `unavailable` when none answers, or the signal's reason. */
export async function callKeeper(call: KeeperCall, signal: AbortSignal): Promise<IncomingMessage> {
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

export async function readText(response: IncomingMessage, signal: AbortSignal): Promise<string> {
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
  let rest = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield line === '' ? null : (JSON.parse(line) as T)
  }
}

function away(cause: unknown): AppError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new AppError('unavailable', `the keeper does not answer: ${words}`, { retryable: true, cause })
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
