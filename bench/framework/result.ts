import type { Bar } from './bar.ts'

/** One line of a bench's table. */
export interface Row {
  readonly what: string
  /** `ms`, `requests/s`, `MB`, `ratio`, `failed`. */
  readonly unit: string
  readonly values: readonly number[]
}

export interface BenchResult {
  readonly rows: readonly Row[]
  readonly bars: readonly Bar[]
  /** What a reader must know to judge the numbers. */
  readonly notes: readonly string[]
}

/** A bench as it is kept: with the facts of the machine, the state of the code and the time. */
export interface KeptResult extends BenchResult {
  readonly bench: string
  readonly what: string
  readonly date: string
  readonly quick: boolean
  readonly machine: Readonly<Record<string, string>>
}
