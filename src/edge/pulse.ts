import type { Clock } from '../core/clock.ts'

/** A loop's alarm clock: it sleeps until the time is over or somebody rings, and a ring while it works is not lost. */
export class Pulse {
  readonly #clock: Clock
  #rung = false
  #wake: AbortController | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.#rung = true
    this.#wake?.abort()
  }

  /** Resolves at a ring, after `ms`, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const wake = (this.#wake = new AbortController())
      const either = AbortSignal.any([wake.signal, signal])
      // Both ways to end early are wanted ones: the loop looks at the signal itself.
      await this.#clock.sleep(ms, either).catch((error: unknown) => {
        if (!either.aborted) throw error
      })
      this.#wake = null
    }
    this.#rung = false
  }
}
