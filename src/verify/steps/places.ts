import { withAbort } from '../../lib/async/abort.ts'

interface Waiting {
  readonly app: string
  readonly begin: () => void
}

/**
 * As many steps at once as `places` says then, on the whole platform. Fair over apps: of those who wait, the app with the fewest
 * steps under way comes first, and among equals the one that has waited longest.
 */
export class StepPlaces {
  readonly #places: () => number
  readonly #running = new Map<string, number>()
  #waiting: readonly Waiting[] = []

  constructor(places: () => number) {
    this.#places = places
  }

  /** Resolves with the function that gives the place back. Rejects with the signal's reason when aborted while waiting. */
  async take(app: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting: Waiting = { app, begin: resolve }
    this.#waiting = [...this.#waiting, waiting]
    this.#next()
    try {
      await withAbort(promise, signal)
    } catch (error) {
      if (this.#waiting.includes(waiting)) this.#waiting = this.#waiting.filter(one => one !== waiting)
      else this.#release(app)
      throw error
    }
    return () => this.#release(app)
  }

  #release(app: string): void {
    this.#running.set(app, this.#of(app) - 1)
    if (this.#of(app) === 0) this.#running.delete(app)
    this.#next()
  }

  #next(): void {
    const busy = [...this.#running.values()].reduce((sum, count) => sum + count, 0)
    if (busy >= this.#places()) return
    const [first] = this.#waiting.toSorted((a, b) => this.#of(a.app) - this.#of(b.app))
    if (first === undefined) return
    this.#waiting = this.#waiting.filter(one => one !== first)
    this.#running.set(first.app, this.#of(first.app) + 1)
    first.begin()
    this.#next()
  }

  #of(app: string): number {
    return this.#running.get(app) ?? 0
  }
}
