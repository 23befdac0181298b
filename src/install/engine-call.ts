import { request } from 'node:http'
import { AppError } from '../core/errors.ts'
import { paths } from './paths.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/**
 * One call of an HTTP API behind a Unix socket, JSON in and out; the engine's without a version in the path, so that it
 * speaks its newest (D1). Rejects `unavailable` when nobody listens; every status is an answer, judged by the caller.
 */
export async function call(
  target: { readonly method: string; readonly path: string; readonly socket?: string; readonly body?: unknown },
  signal: AbortSignal,
): Promise<Answer> {
  const text = target.body === undefined ? undefined : JSON.stringify(target.body)
  const socketPath = target.socket ?? paths.engineSocket
  return new Promise((resolve, reject) => {
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const outgoing = request({ socketPath, method: target.method, path: target.path, headers, signal }, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: decode(Buffer.concat(chunks).toString()) }),
      )
    })
    outgoing.on('error', error =>
      reject(
        signal.aborted
          ? signal.reason
          : new AppError('unavailable', `nobody answers on ${socketPath}`, { cause: error, retryable: true }),
      ),
    )
    outgoing.end(text)
  })
}

/** Like `call`, for calls that must succeed: rejects `internal` with the engine's own words for a status of 300 or more. */
export async function demand(target: Parameters<typeof call>[0], signal: AbortSignal): Promise<unknown> {
  const { status, body } = await call(target, signal)
  if (status < 300) return body
  const words = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : String(body)
  throw new AppError('internal', `${target.method} ${target.path.split('?')[0]} answered ${status}: ${words}`)
}

/** Null for 404. */
export async function find(path: string, signal: AbortSignal): Promise<unknown> {
  const { status, body } = await call({ method: 'GET', path }, signal)
  if (status === 404) return null
  if (status < 300) return body
  throw new AppError('internal', `GET ${path} answered ${status}: ${JSON.stringify(body)}`)
}

/** True when the engine answers. */
export async function engineAnswers(signal: AbortSignal): Promise<boolean> {
  try {
    return (await call({ method: 'GET', path: '/_ping' }, signal)).status === 200
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable') return false
    throw error
  }
}

export function filters(value: Readonly<Record<string, readonly string[]>>): string {
  return `filters=${encodeURIComponent(JSON.stringify(value))}`
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
