/**
 * The closed set of errors that a person or a program can meet. Every listener maps them once: the API to RFC 9457
 * problem+json, the CLI to one red line, the pipeline to the reason of a run. `hint` says what to do next.
 */
const codes = {
  'invalid-input': 422,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'not-allowed': 403,
  'not-authenticated': 401,
  'too-many-guesses': 429,
  'build-failed': 422,
  'build-out-of-memory': 422,
  'verify-failed': 422,
  'release-phase-failed': 422,
  'not-healthy': 422,
  'no-room': 503,
  'lease-lost': 503,
  superseded: 409,
  cancelled: 409,
  unavailable: 503,
  internal: 500,
} as const

export type ErrorCode = keyof typeof codes

export interface ErrorFacts {
  /** What the person can do next, one sentence. */
  readonly hint?: string
  /** True when the same call may succeed later without a change. */
  readonly retryable?: boolean
  /** Not before so many seconds. */
  readonly retryAfter?: number
  readonly cause?: unknown
  /** Lines that help to understand it: the last log lines, the sockets a process listens on. */
  readonly details?: readonly string[]
}

export class AppError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly retryAfter: number | null
  readonly details: readonly string[]

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'AppError'
    this.code = code
    this.hint = facts.hint
    this.retryable = facts.retryable ?? false
    this.retryAfter = facts.retryAfter ?? null
    this.details = facts.details ?? []
  }

  /** The HTTP status this error has at every HTTP listener. */
  get status(): number {
    return codes[this.code]
  }
}

/** The error as an AppError: itself, or `internal` with the original as its cause. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new AppError('internal', message, { cause: error })
}

/** Ends a `switch` over a union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new AppError('internal', `this value should not exist: ${JSON.stringify(value)}`)
}

/** The same call may succeed later without a change. */
export function isPassing(error: unknown): error is AppError {
  return error instanceof AppError && error.retryable
}
