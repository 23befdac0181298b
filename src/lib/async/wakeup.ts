import type { Clock } from '../../core/clock.ts'

/** A loop's alarm clock: it sleeps until the time is over or someone wakes it, and a call while it works is not lost. */
export class Wakeup {
  readonly #clock: Clock
  #called = false
  #sleeping: AbortController | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wake(): void {
    this.#called = true
    this.#sleeping?.abort()
  }

  /** Resolves when someone wakes it, after `ms`, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#called && !signal.aborted) {
      const sleeping = (this.#sleeping = new AbortController())
      const either = AbortSignal.any([sleeping.signal, signal])
      // Both ways to end early are wanted ones: the loop looks at the signal itself.
      await this.#clock.sleep(ms, either).catch((error: unknown) => {
        if (!either.aborted) throw error
      })
      this.#sleeping = null
    }
    this.#called = false
  }
}
