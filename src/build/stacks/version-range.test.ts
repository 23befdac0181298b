import assert from 'node:assert/strict'
import { test } from 'node:test'
import { satisfies } from './version-range.ts'

test("ranges are read as npm's engines are", () => {
  const yes = [
    '24',
    '24.x',
    '>=20',
    '>= 18 < 25',
    '^24.2.0',
    '~24.21',
    '22 - 24',
    '*',
    '20 || 24',
    '>=24.21.0',
    '=24.21.0',
    '',
  ]
  const no = ['22', '>=26', '^22', '<24', '24.20', '~24.20.0', '>24', '20 - 22', '20 || 22', '<=24.20', '24.21.1']
  for (const range of yes) assert.equal(satisfies('24.21.0', range), true, range)
  for (const range of no) assert.equal(satisfies('24.21.0', range), false, range)
})

test('what cannot be read is neither', () => {
  for (const range of ['lts', 'node20', '>=next']) assert.equal(satisfies('24.21.0', range), null, range)
})
