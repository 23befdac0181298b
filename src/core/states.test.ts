import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertStep, isFinal, pastNoReturn, runStates } from './states.ts'

test('no state can be left for an earlier one, and a final state cannot be left at all', () => {
  for (const [index, from] of runStates.entries()) {
    for (const to of runStates.slice(0, index + 1)) assert.throws(() => assertStep(from, to), /cannot go from/)
    if (isFinal(from)) for (const to of runStates) assert.throws(() => assertStep(from, to))
  }
})

test('past proof a run can neither be cancelled nor superseded', () => {
  for (const to of ['cancelled', 'superseded'] as const) assert.throws(() => assertStep('proven', to))
  assertStep('proven', 'live')
})

test('a started release phase is the point of no return', () => {
  assert.equal(pastNoReturn({ state: 'releasing', releasePhaseStarted: false }), false)
  assert.equal(pastNoReturn({ state: 'releasing', releasePhaseStarted: true }), true)
  assert.equal(pastNoReturn({ state: 'proven', releasePhaseStarted: false }), true)
})
