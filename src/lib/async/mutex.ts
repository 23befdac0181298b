import { withAbort } from './abort.ts'

/** One piece of work at a time, first come, first served. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()
  #closed: Error | null = null

  /** The work's own end; rejects with the reason of `close` when its turn comes after that. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const guarded = async () => {
      if (this.#closed) throw this.#closed
      return work()
    }
    const mine = this.#last.then(guarded, guarded)
    // The next one waits for the end, not for the outcome: that is the caller's.
    this.#last = mine.catch(() => undefined)
    return mine
  }

  /** All work whose turn comes from now on is rejected with this. */
  close(reason: Error): void {
    this.#closed = reason
  }
}

/** One holder at a time for each key, first come, first served. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>()

  /** Resolves with the function that releases the key. Rejects with the signal's reason when aborted while waiting. */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const mine = Promise.withResolvers<void>()
    const chain = before.then(() => mine.promise)
    this.#last.set(key, chain)
    const release = () => {
      mine.resolve()
      if (this.#last.get(key) === chain) this.#last.delete(key)
    }
    try {
      await withAbort(before, signal)
    } catch (error) {
      // Those behind go on waiting for the one before, not for us.
      release()
      throw error
    }
    return release
  }
}
