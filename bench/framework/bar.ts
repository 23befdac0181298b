/** A number to hold (docs/promises.md, "Numbers"). */
export interface Bar {
  /** `N1.assembled`: the promise's number and which part of it. */
  readonly id: string
  readonly what: string
  readonly value: number
  readonly limit: number
  readonly unit: string
  readonly direction: 'at most' | 'at least'
}

export function isHeld({ value, limit, direction }: Bar): boolean {
  return direction === 'at most' ? value <= limit : value >= limit
}

/**
 * Missed bars that no one has owned up to. A miss is owned up to by a line of docs/promises.md that names the bar's full id
 * (`N1.assembled`; the table's own `N1` is not enough).
 */
export function unexplained(bars: readonly Bar[], promises: string): readonly Bar[] {
  const lines = promises.split('\n')
  return bars.filter(bar => !isHeld(bar) && !lines.some(line => words(line).includes(bar.id)))
}

function words(line: string): readonly string[] {
  return line.split(/[^A-Za-z0-9.-]+/).map(word => word.replace(/\.$/, ''))
}

/** 0: all bars held, or owned up to; 1: one was missed without a line in docs/promises.md, or a bench broke. */
export function exitCode({
  bars,
  broken,
  promises,
}: {
  bars: readonly Bar[]
  broken: number
  promises: string
}): 0 | 1 {
  return broken > 0 || unexplained(bars, promises).length > 0 ? 1 : 0
}
