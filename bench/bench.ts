import type { BenchResult } from './framework/result.ts'
import type { Site } from './site.ts'

/** One question about the platform's speed, size or losses, and how it is answered. */
export interface Bench {
  /** As in `--only NAME` and in the names of results. */
  readonly name: string
  readonly what: string
  /** Needs hours or hundreds of environments: only with `--long`, or when it is named. */
  readonly long?: boolean
  run(context: BenchContext): Promise<BenchResult>
}

export interface BenchContext {
  /** A few rounds, to see that it works. */
  readonly quick: boolean
  /** Requests a second of the loads: 2,000, or less by `--rate`, on a machine that cannot generate and serve so many. */
  readonly rate: number
  readonly say: (line: string) => void
  /** The platform on a fresh rig host, installed by `./lading up` when the first bench asks for it. */
  readonly site: () => Promise<Site>
  readonly signal: AbortSignal
}
