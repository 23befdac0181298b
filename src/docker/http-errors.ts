import { AppError, type ErrorCode } from '../core/errors.ts'

/** The keeper's own refusals (problem+json), of those that an engine call can meet. */
const keeperCodes: readonly ErrorCode[] = [
  'lease-lost',
  'not-allowed',
  'not-found',
  'conflict',
  'unavailable',
  'invalid-input',
]

/**
 * An answer of 400 or more as an error, by its status. The engine's words decide only where its status lies: it answers
 * 500 to a lost compare-and-swap (moby#38474), to a Swarm that has lost its majority, and to the removal of an overlay
 * network that this node has not forgotten yet.
 */
export function errorOfResponse(status: number, contentType: string | undefined, body: string): AppError {
  if (contentType?.startsWith('application/problem+json')) return errorOfKeeper(status, body)
  const message = messageOf(body) ?? `the engine answered ${status}`
  const [code, retryable] = classify(status, message)
  return new AppError(code, message, { retryable })
}

/** No answer at all. */
export function errorOfConnection(cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AppError('unavailable', `the engine does not answer: ${reason}`, { retryable: true, cause })
}

function errorOfKeeper(status: number, body: string): AppError {
  const problem = JSON.parse(body) as { code?: string; title?: string; detail?: string; hint?: string }
  const code = keeperCodes.find(one => one === problem.code) ?? classify(status, '')[0]
  const message = problem.detail ?? problem.title ?? `the keeper answered ${status}`
  return new AppError(code, message, {
    retryable: code === 'unavailable',
    ...(problem.hint ? { hint: problem.hint } : {}),
  })
}

function classify(status: number, message: string): readonly [ErrorCode, boolean] {
  if (status === 404 || /^network \S+ not found$/.test(message)) return ['not-found', false]
  if (status === 409) return ['conflict', false]
  if (status === 503 || /DeadlineExceeded|context deadline exceeded|does not have a leader/.test(message)) {
    return ['unavailable', true]
  }
  if (/update out of sequence/.test(message)) return ['conflict', true]
  if (status === 401 || status === 403) return ['not-allowed', false]
  return [status < 500 ? 'invalid-input' : 'internal', false]
}

function messageOf(body: string): string | null {
  try {
    const parsed = JSON.parse(body) as { message?: unknown }
    return typeof parsed.message === 'string' ? parsed.message : null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return body.trim() || null
  }
}
