import type { TestCounts } from '../../core/release.ts'
import { Counter } from './counts.ts'

const point = /^( {0,400})(not )?ok\b(?: +[0-9]{1,9})?(?: +- +| +)?(.*)$/
const directive = /(?:^|[^\\])#\s*(skip|todo)/i

/**
 * TAP 13 and 14 (testanything.org): its test points, those of subtests instead of the one that sums them up, which comes right
 * after them and is indented less. A `todo` that fails counts as skipped. Null: there is no test point in it.
 */
export function readTap(text: string): TestCounts | null {
  const counter = new Counter()
  /** Depth of the last point: the next one, if it is less deep, sums up. */
  let depth = 0
  for (const line of text.split('\n')) {
    const [, indent, not, name = ''] = point.exec(line.slice(0, 1_000)) ?? []
    if (indent === undefined) continue
    const sumsUp = indent.length < depth
    depth = indent.length
    if (sumsUp) continue
    const said = directive.exec(name)?.[1]?.toLowerCase()
    const skipped = said === 'skip' || (said === 'todo' && not !== undefined)
    counter.add(skipped ? 'skipped' : not === undefined ? 'passed' : 'failed', name.replace(directive, '').trim())
  }
  return counter.counts()
}
