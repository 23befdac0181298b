/** Builds side by side, or one cleaning by itself, which begins only when no build runs; builds wait for its end. */
export class Shifts {
  #builds = 0
  #cleaning: Promise<unknown> | null = null

  async build<T>(work: () => Promise<T>): Promise<T> {
    while (this.#cleaning !== null) await this.#cleaning
    this.#builds++
    try {
      return await work()
    } finally {
      this.#builds--
    }
  }

  /** Null: a build or a clean-up runs, and nothing was done. */
  async clean<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#builds > 0 || this.#cleaning !== null) return null
    const cleaning = work()
    this.#cleaning = cleaning.catch(() => undefined)
    try {
      return await cleaning
    } finally {
      this.#cleaning = null
    }
  }
}
