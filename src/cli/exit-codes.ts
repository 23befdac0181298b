import type { ErrorCode } from '../core/errors.ts'

/** What the shell sees. A table for scripts: docs/reference/cli.md is made from it. */
export const exitCodes = {
  ok: [0, 'done'],
  failed: [1, 'it was tried and failed: a deploy that did not come up, an internal error'],
  usage: [2, 'the command or a value in it is wrong'],
  'not-found': [3, 'no such app, release, run or config key'],
  denied: [4, 'no token, or it does not allow this'],
  conflict: [5, 'it contradicts what is there: name taken, serves already, past the point of no return'],
  unavailable: [6, 'the platform cannot be reached, or has no room; the same command may succeed later'],
  interrupted: [130, 'ctrl-C; a run that was started goes on'],
} as const satisfies Record<string, readonly [number, string]>

const ofError: Readonly<Partial<Record<ErrorCode, keyof typeof exitCodes>>> = {
  'invalid-input': 'usage',
  'not-found': 'not-found',
  'not-allowed': 'denied',
  'not-authenticated': 'denied',
  'too-many-guesses': 'denied',
  'already-exists': 'conflict',
  conflict: 'conflict',
  unavailable: 'unavailable',
  'no-room': 'unavailable',
  'lease-lost': 'unavailable',
}

export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[ofError[code] ?? 'failed'][0]
}
