/** What can be told of one of the twelve factors (12factor.net). */
export interface FactorVerdict {
  /** Roman, as everybody cites it. */
  readonly factor: 'II' | 'III'
  readonly name: string
  /** `broken` only where it is certain. `not seen`: there was nothing to tell it from. */
  readonly state: 'kept' | 'at risk' | 'broken' | 'not seen'
  /** A sentence each, with path and line; never a secret itself. */
  readonly evidence: readonly string[]
  /** What to do; null where nothing is. */
  readonly mend: string | null
}

/** A commit's files, or a folder's. */
export interface Tree {
  paths(): Promise<ReadonlySet<string>>
  /** The first `most` bytes as text; null when it is not there. */
  text(path: string, most: number): Promise<string | null>
}
