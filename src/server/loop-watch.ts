import type { LoopDocument } from '../api/documents.ts'
import type { Clock, LoopDelay } from '../core/clock.ts'
import type { Log } from './log.ts'

const minuteMs = 60_000
const keptMinutes = 60
/** Late by this much, it is said: callers have noticed (ms). */
const worthSaying = 500

/** The watchdog of the control plane's event loop: what it was late by, minute by minute, for an hour. */
export class LoopWatch {
  readonly #delay: LoopDelay
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #log: Log
  #minutes: readonly ReturnType<LoopDelay['take']>[] = []

  constructor({ delay, clock, log }: { delay: LoopDelay; clock: Pick<Clock, 'sleep'>; log: Log }) {
    this.#delay = delay
    this.#clock = clock
    this.#log = log
  }

  /** Until aborted; rejects with the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(minuteMs, signal)
      const taken = this.#delay.take()
      if (taken.worst >= worthSaying) this.#log('the event loop was held', taken)
      this.#minutes = [...this.#minutes, taken].slice(-keptMinutes)
    }
  }

  /** The worst minute's numbers. */
  report(): LoopDocument {
    const worstOf = (name: 'p99' | 'worst') => Math.max(0, ...this.#minutes.map(minute => minute[name]))
    return { minutes: this.#minutes.length, p99: worstOf('p99'), worst: worstOf('worst') }
  }
}
