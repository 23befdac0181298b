import assert from 'node:assert/strict'
import test from 'node:test'
import { exitCode, unexplained, type Bar } from './bar.ts'
import { digits, median, quantile } from './numbers.ts'
import { interleave, ratios } from './pairs.ts'
import { plainTables } from './table.ts'

const bar = (id: string, value: number): Bar => ({
  id,
  what: 'a thing',
  value,
  limit: 1,
  unit: 'ms',
  direction: 'at most',
})

test('a median and a p95 are values that were measured', () => {
  const values = [5, 1, 4, 2, 3]
  assert.equal(median(values), 3)
  assert.equal(quantile(values, 0.95), 5)
  assert.throws(() => median([]), RangeError)
  assert.deepEqual([812.3, 12.34, 0.925, 2000].map(digits), ['812', '12.3', '0.93', '2000'])
})

test('arms take turns, the order turns around, and the warm-up does not count', async () => {
  const order: string[] = []
  const arm = (name: string) => async (round: number) => {
    order.push(`${name}${round}`)
    return round
  }
  const values = await interleave({ a: arm('a'), b: arm('b') }, { rounds: 2, signal: new AbortController().signal })
  assert.deepEqual(order, ['b-1', 'a-1', 'a0', 'b0', 'b1', 'a1'])
  assert.deepEqual(values, { a: [0, 1], b: [0, 1] })
  assert.deepEqual(ratios([2, 6], [1, 2]), [2, 3])
})

test('a missed bar is explained only by a line with its full id', () => {
  const bars = [bar('N1.assembled', 2), bar('N1.dockerfile', 1)]
  assert.deepEqual(unexplained(bars, '| N1 | code-only push |'), [bars[0]])
  assert.deepEqual(unexplained(bars, '| N1.assembled.more | x |'), [bars[0]])
  assert.deepEqual(unexplained(bars, '| N1.assembled | 2 ms, because … |'), [])
})

test('a missed bar that no one owned up to, or a bench that broke, is exit code 1', () => {
  const promises = '| N1 | NOT DONE: N1.assembled |'
  const code = (bars: readonly Bar[], broken = 0) => exitCode({ bars, broken, promises })
  assert.equal(code([bar('N1.dockerfile', 1), bar('N1.assembled', 2)]), 0)
  assert.equal(code([bar('N1.dockerfile', 2), bar('N1.assembled', 2)]), 1)
  assert.equal(code([bar('N1.dockerfile', 1)], 1), 1)
})

test('a table names what was measured, in which unit, and which bar was missed', () => {
  const text = plainTables({
    rows: [{ what: 'push', unit: 'ms', values: [3, 1, 2] }],
    bars: [bar('N9.x', 2)],
    notes: [],
  })
  assert.match(text, /push +3 +2 +3 +3 +ms/)
  assert.match(text, /N9\.x .* NO$/m)
})
