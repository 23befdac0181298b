import type { AppError } from '../core/errors.ts'

/** RFC 9457, with what a person needs to go on. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly hint?: string
  readonly retryable: boolean
  /** The last log lines, the sockets a process listens on. */
  readonly details: readonly string[]
}

/** The one place where an error becomes an HTTP answer. */
export function problemResponse(error: AppError): Response {
  const problem: Problem = {
    type: `urn:lading:error:${error.code}`,
    title: error.code.replaceAll('-', ' '),
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error.hint !== undefined && { hint: error.hint }),
    retryable: error.retryable,
    details: error.details,
  }
  const headers = new Headers({ 'content-type': 'application/problem+json' })
  // Without it git never asks for a password. RFC 7617.
  if (error.status === 401) headers.set('www-authenticate', 'Basic realm="lading", charset="UTF-8"')
  if (error.status === 503) headers.set('retry-after', '2')
  if (error.retryAfter !== null) headers.set('retry-after', String(error.retryAfter))
  return new Response(JSON.stringify(problem), { status: error.status, headers })
}
