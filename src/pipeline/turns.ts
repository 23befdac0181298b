/** First come, first served, one at a time per key. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** Resolves with the function that ends the turn. Rejects with the signal's reason when aborted while waiting. */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const mine = Promise.withResolvers<void>()
    const chain = before.then(() => mine.promise)
    this.#last.set(key, chain)
    const end = () => {
      mine.resolve()
      if (this.#last.get(key) === chain) this.#last.delete(key)
    }
    try {
      await orAborted(before, signal)
    } catch (error) {
      // Those behind go on waiting for the one before, not for us.
      end()
      throw error
    }
    return end
  }
}

/** `promise`, or the signal's reason, whichever comes first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
