import type { Clock } from '../../core/clock.ts'

export interface Deadline {
  readonly clock: Clock
  readonly ms: number
  /** What is rejected with when they are over, and the reason that `work`'s signal is then aborted with. */
  readonly late: () => Error
}

/** `work`, or a rejection when it takes longer than `ms`: even if it does not heed the signal it is given. */
export async function within<T>({ clock, ms, late }: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController()
  const done = new AbortController()
  const deadline = async (): Promise<never> => {
    await clock.sleep(ms, done.signal)
    over.abort(late())
    throw over.signal.reason
  }
  try {
    return await Promise.race([work(over.signal), deadline()])
  } finally {
    done.abort()
  }
}
