import { setTimeout as pause } from 'node:timers/promises'

export interface Wait {
  /** Milliseconds; generous, because it only ends what will never be true. */
  readonly withinMs?: number
  readonly everyMs?: number
}

/**
 * Asks again and again until the answer is neither `undefined`, `null` nor `false`, and gives it. An error thrown by
 * `ask` is an answer of "not yet"; after the deadline it rejects with the last one, or the last answer, in its message.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T> | T,
  { withinMs = 180_000, everyMs = 100 }: Wait = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    let last: string
    let cause: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== null && answer !== false)
        return answer as Exclude<T, undefined | null | false>
      last = String(answer)
    } catch (error) {
      cause = error
      last = error instanceof Error ? error.message : String(error)
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${withinMs / 1000} s: ${what}\nlast answer: ${last}`, { cause })
    await pause(everyMs)
  }
}
