/** So many lines a second, and a reserve for bursts. One line of more than a KiB counts as several. */
export class Bucket {
  readonly #perSecond: number
  readonly #most: number
  #left: number
  #at: number

  /** @param now monotonic (ms) */
  constructor({ perSecond, burst, now }: { readonly perSecond: number; readonly burst: number; readonly now: number }) {
    this.#perSecond = perSecond
    this.#most = burst
    this.#left = burst
    this.#at = now
  }

  refill(now: number): void {
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
  }

  /** False when it is empty: this line is not kept. */
  take(bytes: number): boolean {
    if (this.#left < 1) return false
    this.#left -= 1 + Math.floor(bytes / 1024)
    return true
  }

  get isEmpty(): boolean {
    return this.#left < 1
  }
}
