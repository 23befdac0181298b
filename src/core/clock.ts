/**
 * Time, timers, chance: ports, so that the simulation can own them (docs/design/simulation.md). Lint forbids the
 * globals everywhere but in their one adapter, `core/system.ts`.
 */
export interface Clock {
  /** Milliseconds since the epoch, for people. Never compared: a machine's clock can jump. */
  now(): number
  /** Monotonic milliseconds with an arbitrary zero, for deadlines (law: monotonic-deadlines). */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** How late this process's event loop was: while it is held, nothing is answered and no lease renewed. */
export interface LoopDelay {
  /** Since the last call (milliseconds): 99 of 100 turns were late by no more than `p99`, the latest by `worst`. */
  take(): { readonly p99: number; readonly worst: number }
}

export interface Ids {
  /** A new run id, sortable by time. */
  runId(): string
  /** `bytes` of randomness as lower-case hex. */
  hex(bytes: number): string
}
