import type { Clock } from '../core/clock.ts'
import type { RunId } from '../core/names.ts'
import type { RunLine, Store } from '../store/store.ts'

/** Progress lines of runs: written to the store in order, and news for those who follow one. */
export class RunProgress {
  readonly #store: Store
  readonly #clock: Clock
  readonly #waiting = new Map<RunId, RunLine[]>()
  readonly #writing = new Map<RunId, Promise<void>>()
  readonly #news = new Map<RunId, PromiseWithResolvers<void>>()

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  say(run: RunId, text: string): void {
    const lines = this.#waiting.get(run) ?? []
    for (const line of text.split('\n')) lines.push({ at: this.#clock.now(), text: line })
    this.#waiting.set(run, lines)
    // Who asks for the lines to be there (`flush`) hears of a disk that is full; a line by itself is not worth a crash.
    this.flush(run).catch(() => undefined)
  }

  /** Resolves when every line said so far can be read from the store; those it did not take are tried again by the next. */
  flush(run: RunId): Promise<void> {
    const before = this.#writing.get(run) ?? Promise.resolve()
    const write = before.then(
      () => this.#write(run),
      () => this.#write(run),
    )
    this.#writing.set(run, write)
    return write
  }

  async #write(run: RunId): Promise<void> {
    const lines = this.#waiting.get(run) ?? []
    this.#waiting.delete(run)
    if (lines.length === 0) return
    try {
      await this.#store.appendLines(run, lines)
    } catch (error) {
      this.#waiting.set(run, [...lines, ...(this.#waiting.get(run) ?? [])])
      throw error
    }
    this.publish(run)
  }

  /** Wakes those who wait for `changed`. */
  publish(run: RunId): void {
    this.#news.get(run)?.resolve()
    this.#news.delete(run)
  }

  /** Resolves at the next news of this run; take it before you read, so that nothing falls in between. */
  changed(run: RunId): Promise<void> {
    const news = this.#news.get(run) ?? Promise.withResolvers<void>()
    this.#news.set(run, news)
    return news.promise
  }

  forget(run: RunId): void {
    this.#writing.delete(run)
  }
}
