import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plan, stages } from './plan.ts'

test('the same seed gives the same moments, another seed gives others', () => {
  assert.deepEqual(plan(7, 20), plan(7, 20))
  assert.notDeepEqual(plan(7, 20), plan(8, 20))
})

test('twelve kills meet every stage and every target', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const moments = plan(seed, 12)
    assert.deepEqual(new Set(moments.map(({ stage }) => stage)), new Set(stages))
    assert.equal(moments.filter(({ target }) => target === 'control plane').length, 6)
    assert.equal(new Set(moments.map(({ target }) => target)).size, 4)
  }
})
