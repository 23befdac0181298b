import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'

/** Asks until the answer is not null; rejects `unavailable`, naming what was waited for, with what `details` has to say. */
export async function waitFor<T>(
  what: {
    readonly title: string
    readonly seconds: number
    readonly hint?: string
    readonly everyMs?: number
    readonly details?: () => Promise<readonly string[]>
  },
  ask: () => Promise<T | null>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  const end = clock.monotonic() + what.seconds * 1000
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    if (clock.monotonic() > end) {
      const details = (await what.details?.()) ?? []
      const facts = what.hint === undefined ? { details } : { hint: what.hint, details }
      throw new AppError('unavailable', `${what.title}: nothing after ${what.seconds} s`, facts)
    }
    await clock.sleep(what.everyMs ?? 200, signal)
  }
}
