import type { Clock } from '../../src/core/clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fire: () => void
}

/**
 * Time that moves only when nothing else can happen. Timers fire by time, and at one time in the order they were set,
 * so that a history depends on its seed alone. Between two timers every promise that can settle does.
 */
export class VirtualClock implements Clock {
  #monotonic = 0
  #order = 0
  readonly #epoch: number
  readonly #timers: Timer[] = []

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch
  }

  now(): number {
    return this.#epoch + this.#monotonic
  }

  monotonic(): number {
    return this.#monotonic
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => {
      this.#remove(timer)
      reject(signal?.reason)
    }
    const fire = () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }
    const timer: Timer = { at: this.#monotonic + Math.max(0, ms), order: ++this.#order, fire }
    this.#insert(timer)
    signal?.addEventListener('abort', abort, { once: true })
    return promise
  }

  /**
   * Lets time pass until `done` holds, or `limitMs` of virtual time are over, or nothing is left to wait for. True when
   * `done` holds.
   */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    const until = this.#monotonic + limitMs
    await settle()
    while (!done()) {
      const next = this.#timers[0]
      if (next === undefined || next.at > until) {
        this.#monotonic = Math.max(this.#monotonic, until)
        return done()
      }
      this.#timers.shift()
      this.#monotonic = Math.max(this.#monotonic, next.at)
      next.fire()
      await settle()
    }
    return true
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    await this.run(() => false, ms)
  }

  /** A pause of the whole program (SIGSTOP): the time is gone, and no timer of it has fired. */
  jump(ms: number): void {
    this.#monotonic += ms
  }

  #insert(timer: Timer): void {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#timers[middle] as Timer
      if (other.at <= timer.at) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer)
    if (index >= 0) this.#timers.splice(index, 1)
  }
}

/** After one turn of the event loop all promises that can settle have settled: no port of the simulation does real I/O. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
