import { AppError } from './errors.ts'

/** The law of a run's states: nothing else may change one (docs/design/run-states.md). */
const next = {
  queued: ['receiving', 'failed', 'superseded', 'cancelled'],
  receiving: ['building', 'failed', 'superseded', 'cancelled'],
  building: ['verifying', 'failed', 'superseded', 'cancelled'],
  verifying: ['releasing', 'failed', 'superseded', 'cancelled'],
  releasing: ['starting', 'failed', 'superseded', 'cancelled'],
  starting: ['proven', 'failed', 'superseded', 'cancelled'],
  // Only after a crash: what had proof has lost it, and could not be brought up again.
  proven: ['live', 'failed'],
  live: ['settled', 'failed-after-live'],
  settled: [],
  failed: [],
  'failed-after-live': [],
  superseded: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>

export type RunState = keyof typeof next

export const runStates = Object.keys(next) as RunState[]

/** Throws `internal` when the step is not in the table: states never move backwards (law: states-go-forward). */
export function assertStep(from: RunState, to: RunState): void {
  if (!isStep(from, to)) throw new AppError('internal', `a run cannot go from ${from} to ${to}`)
}

/** The table has this step. */
export function isStep(from: RunState, to: RunState): boolean {
  return (next[from] as readonly string[]).includes(to)
}

/** No step leads out of it. */
export function isFinal(state: RunState): boolean {
  return next[state].length === 0
}

/** The run has a verdict, or has ended: nothing of its steps is under way. */
export function isPastVerify(state: RunState): boolean {
  return runStates.indexOf(state) > runStates.indexOf('verifying')
}

/** Traffic has moved to this run's release, whatever came afterwards. */
export function wentLive(state: RunState): boolean {
  return state === 'live' || state === 'settled' || state === 'failed-after-live'
}

/** A release of such a run may serve. One that failed after going live may not: what served before it does again. */
export function serves(state: RunState): boolean {
  return state === 'live' || state === 'settled'
}

/**
 * The point of no return: the release phase was started, or every edge has proof. Past it a run is neither cancelled
 * nor superseded; the holder of the lease carries it to its own end.
 */
export function pastNoReturn(run: { readonly state: RunState; readonly releasePhaseStarted: boolean }): boolean {
  return run.releasePhaseStarted || run.state === 'proven' || wentLive(run.state)
}
