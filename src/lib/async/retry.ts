import type { Clock } from '../../core/clock.ts'
import { isPassing } from '../../core/errors.ts'

export interface Retry {
  readonly clock: Clock
  /** The pause before the next try (ms). */
  readonly everyMs: number
  readonly signal: AbortSignal
  /** Asked after each failure: whether to try again. What it throws itself ends the tries too. */
  readonly again: (error: unknown) => boolean
}

/** The result of `work`, tried until it succeeds, or the first error that is not to be tried again; ends by the signal in a pause. */
export async function retry<T>(work: () => Promise<T>, { clock, everyMs, signal, again }: Retry): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!again(error)) throw error
    }
    await clock.sleep(everyMs, signal)
  }
}

const persistentlyMs = 500

/**
 * `work`, tried again while it is refused for a passing reason (`retryable`), until `until` on the monotonic clock (ms);
 * then its last error. For idempotent calls only: a call whose answer was lost looks like one that was refused.
 */
export async function persistently<T>(
  work: () => Promise<T>,
  { clock, until, signal }: { readonly clock: Clock; readonly until: number; readonly signal: AbortSignal },
): Promise<T> {
  const again = (error: unknown) => {
    signal.throwIfAborted()
    return isPassing(error) && clock.monotonic() < until
  }
  return retry(work, { clock, everyMs: persistentlyMs, signal, again })
}
