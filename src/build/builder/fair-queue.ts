import { withAbort } from '../../lib/async/abort.ts'

interface Waiting {
  readonly owner: string
  readonly start: () => void
}

/**
 * Lets as many pieces of work run at once as `places` says then, and one of each owner. Fair: among those who wait, the owner whose last
 * turn is longest ago comes first, so that an app that pushes ten times does not starve one that pushes once.
 */
export class FairQueue {
  readonly #places: () => number
  readonly #running = new Set<string>()
  #waiting: readonly Waiting[] = []
  /** Owners by their last turn, the oldest first. */
  #turns: readonly string[] = []

  constructor(places: () => number) {
    this.#places = places
  }

  /**
   * Waits for a place, works, gives the place back. `onWait` is called once when there is none at once. Aborted while
   * waiting, it leaves the queue and rejects with the signal's reason; the work itself must heed its own signal.
   */
  async run<T>(owner: string, work: () => Promise<T>, onWait: () => void, signal: AbortSignal): Promise<T> {
    if (!this.#free(owner)) {
      onWait()
      await this.#turn(owner, signal)
    } else this.#take(owner)
    try {
      return await work()
    } finally {
      this.#running.delete(owner)
      this.#next()
    }
  }

  async #turn(owner: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting: Waiting = { owner, start: resolve }
    this.#waiting = [...this.#waiting, waiting]
    try {
      await withAbort(promise, signal)
    } catch (error) {
      const started = !this.#waiting.includes(waiting)
      this.#waiting = this.#waiting.filter(one => one !== waiting)
      if (started) {
        this.#running.delete(owner)
        this.#next()
      }
      throw error
    }
  }

  #free(owner: string): boolean {
    return this.#running.size < this.#places() && !this.#running.has(owner)
  }

  #take(owner: string): void {
    this.#running.add(owner)
    this.#turns = [...this.#turns.filter(one => one !== owner), owner]
  }

  #next(): void {
    const able = this.#waiting.filter(one => this.#free(one.owner))
    const [first] = able.sort((a, b) => this.#turns.indexOf(a.owner) - this.#turns.indexOf(b.owner))
    if (!first) return
    this.#waiting = this.#waiting.filter(one => one !== first)
    this.#take(first.owner)
    first.start()
    this.#next()
  }
}
