import { request as askInClear } from 'node:http'
import { request as askSafely } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../core/errors.ts'
import { lookupOuter, refuseInner } from './inner-addresses.ts'

export interface Question {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM of the CA that the server's certificate is of; null: one that everybody knows. */
  readonly ca?: string | null
  /** It may be an address of this machine or its network; else `not-allowed`. */
  readonly isInternal?: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** The name of a question's host leads nowhere. */
export class NoAddress extends AppError {
  constructor(host: string, cause?: unknown) {
    super('unavailable', `${host} cannot be reached: ${host} has no address`, { retryable: true, cause })
  }
}

/**
 * One HTTP exchange. Rejects `unavailable` with the cause in words when there is no answer, as `NoAddress` when its host has
 * none. Redirects are not followed.
 */
export type Ask = (question: Question, signal: AbortSignal) => Promise<Answer>

const answerMs = 30_000
/** A chain of certificates is the largest that is read. */
const mostBytes = 256 * 1024

export function createAsk(userAgent: string): Ask {
  return (question, signal) => ask(question, userAgent, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]))
}

async function ask(
  { method, url, headers, body, ca, isInternal = false }: Question,
  userAgent: string,
  signal: AbortSignal,
): Promise<Answer> {
  const request = url.startsWith('https:') ? askSafely : askInClear
  // A connection of its own: some CAs close idle ones silently.
  const options = { method, signal, agent: false, headers: { 'user-agent': userAgent, ...headers }, ...(ca && { ca }) }
  if (!isInternal) refuseInner(new URL(url).hostname)
  const way = isInternal ? options : { ...options, lookup: lookupOuter }
  return new Promise((resolve, reject) => {
    const call = request(url, way, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (text.length > mostBytes) response.destroy(new Error(`the answer has more than ${mostBytes} bytes`))
      })
      response.on('error', error => reject(unreached(url, error)))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    call.on('error', error => reject(unreached(url, error)))
    call.end(body)
  })
}

function unreached(url: string, cause: Error): AppError {
  if (cause instanceof AppError) return cause
  const { host, hostname } = new URL(url)
  if (hasNoAddress(cause)) return new NoAddress(hostname, cause)
  return new AppError('unavailable', `${host} cannot be reached: ${networkReason(cause)}`, { retryable: true, cause })
}

function hasNoAddress({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOTFOUND' || code === 'EAI_AGAIN'
}

function networkReason(error: NodeJS.ErrnoException): string {
  const { code } = error
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ABORT_ERR') return `no answer within ${answerMs / 1000} s`
  return error.message
}
