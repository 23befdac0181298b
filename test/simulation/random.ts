import { parseRunId } from '../../src/core/names.ts'
import type { Ids } from '../../src/core/clock.ts'

/** Chance from a seed (mulberry32): the same seed, the same history. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length - 1)] as T
  }
}

/** Ids in the order of their making; they live as long as the world, so that no instance makes one twice. */
export class CountedIds implements Ids {
  #count = 0

  runId(): string {
    return parseRunId(`run${String(++this.#count).padStart(6, '0')}`)
  }

  hex(bytes: number): string {
    return (++this.#count).toString(16).padStart(bytes * 2, '0')
  }
}
