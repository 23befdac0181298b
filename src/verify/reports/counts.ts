import type { TestCounts } from '../../core/release.ts'

const mostFailures = 20
const mostCharacters = 200

/** Counts tests as they come; of failed ones the first names are kept. */
export class Counter {
  #passed = 0
  #failed = 0
  #skipped = 0
  readonly #failures: string[] = []

  add(how: 'passed' | 'failed' | 'skipped', name: string): void {
    if (how === 'passed') this.#passed++
    else if (how === 'skipped') this.#skipped++
    else {
      this.#failed++
      if (this.#failures.length < mostFailures) this.#failures.push(name.trim().slice(0, mostCharacters))
    }
  }

  /** Null: there was no test at all. */
  counts(): TestCounts | null {
    if (this.#passed + this.#failed + this.#skipped === 0) return null
    return { passed: this.#passed, failed: this.#failed, skipped: this.#skipped, failures: this.#failures }
  }
}
