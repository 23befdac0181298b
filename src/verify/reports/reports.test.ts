import assert from 'node:assert/strict'
import { test } from 'node:test'
import { puzzles } from '../../../test/simulation/puzzles.ts'
import { readReport } from './read.ts'

test('JUnit of several runners: failures, errors and skipped ones are counted, and failed ones named', () => {
  const report = `<?xml version="1.0"?>
<testsuites tests="5"><testsuite name="a">
  <testcase classname="cart" name="adds &amp; removes" time="0.1"/>
  <testcase classname="cart" name="empties"><failure message="x">at &lt;here&gt;</failure><system-out>ok 1</system-out></testcase>
  <testcase name="breaks"><error/></testcase>
  <testcase name="waits"><skipped/></testcase>
  <testsuite name="inner"><testcase name="deep"></testcase></testsuite>
</testsuite></testsuites>`
  assert.deepEqual(readReport(report), { passed: 2, failed: 2, skipped: 1, failures: ['cart › empties', 'breaks'] })
})

test('TAP of Node: points of subtests count, those that sum them up do not', () => {
  const report = `TAP version 13
# Subtest: cart
    # Subtest: adds
    ok 1 - adds
      ---
      duration_ms: 1
      ...
    # Subtest: empties
    not ok 2 - empties
    ok 3 - later # SKIP not here
    not ok 4 - someday # TODO
    1..4
not ok 1 - cart
ok 2 - alone
1..2`
  assert.deepEqual(readReport(report), { passed: 2, failed: 1, skipped: 2, failures: ['empties'] })
})

test('what is no report, or none any more, gives no counts', () => {
  for (const text of [
    '',
    'hello',
    '<a><b></a>',
    '<testsuite>',
    '<testcase name="x">',
    '{}',
    '<!DOCTYPE x [<!ENTITY a "b">]><testcase name="&a;"/>',
  ])
    assert.equal(readReport(text), null, text)
})

test('of a thousand failures the first twenty are named, shortened', () => {
  const counts = readReport(`<s>${`<testcase name="${'x'.repeat(500)}"><failure/></testcase>`.repeat(1_000)}</s>`)
  assert.deepEqual([counts?.failed, counts?.failures.length, counts?.failures[0]?.length], [1_000, 20, 200])
})

test('10,000 reports put together at random give counts or nothing, and never an error', () => {
  const pieces = [
    '<testcase',
    ' name="a"',
    '>',
    '/>',
    '</testcase>',
    '<failure/>',
    '&amp;',
    '&x;',
    '<!',
    '[',
    ']>',
    '<?',
    '?>',
    '"',
    'ok',
    'not ok',
    ' ',
    '\n',
    '    ',
    '# SKIP',
    '1..3',
    '\\#',
    '\0',
    'ü',
  ]
  for (const text of puzzles(pieces, 6)) for (const start of ['<s>', '']) readReport(start + text)
})

test('a line of blanks without end is read in no time', () => {
  assert.equal(readReport(`${' '.repeat(1_000_000)}x`), null)
  assert.equal(readReport(`ok ${' '.repeat(1_000_000)}#`)?.passed, 1)
})
