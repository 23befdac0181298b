/** One after another: what is told to HAProxy must not interleave with a reload. */
export class Exclusive {
  #last: Promise<unknown> = Promise.resolve()
  #closed: Error | null = null

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

  /** Whatever comes from now on is rejected with this. */
  close(reason: Error): void {
    this.#closed = reason
  }
}
