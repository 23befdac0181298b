/** One way of doing it; it is called once per round and gives what it measured. */
export type Arm = (round: number) => Promise<number>

export interface Rounds {
  /** Rounds that count. */
  readonly rounds: number
  /** Rounds before them that do not: caches and connections of the first. Default 1. */
  readonly warmUp?: number
  readonly signal: AbortSignal
}

/**
 * Measures several ways in turn, A B C B A …, so that a neighbour's load, a filling disk or a warming cache meets all of
 * them alike. The order turns around each round: no one always follows the same one.
 */
export async function interleave<Name extends string>(
  arms: Readonly<Record<Name, Arm>>,
  { rounds, warmUp = 1, signal }: Rounds,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(arms) as Name[]
  const values = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<Name, number[]>
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      signal.throwIfAborted()
      const value = await arms[name](round)
      if (round >= 0) values[name].push(value)
    }
  }
  return values
}

/** Value of A for each of B's in the same round: neighbours in time, so that the machine's mood cancels out. */
export function ratios(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((value, round) => value / b[round]!)
}
