import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imagesToKeep, predecessor, releasesToKeep, servingRelease } from './keep.ts'
import { parseAppName, parseRunId, production } from './names.ts'
import type { Run, RunIntent } from './run.ts'
import type { RunState } from './states.ts'

const config: RunIntent = { kind: 'config', config: 1, summary: 'Set A' }
const automatic = (to: number): RunIntent => ({ kind: 'rollback', to, releasePhase: false, automatic: true })

function run(state: RunState, release: number | null, intent: RunIntent = config): Run {
  return {
    app: parseAppName('shop'),
    environment: production,
    id: parseRunId(`run0000${release ?? 'x'}`),
    intent,
    state,
    reason: 'test',
    by: 'test',
    createdAt: 0,
    changedAt: 0,
    releasePhaseStarted: false,
    release,
    details: [],
  }
}

const kept = (...runs: Run[]) => [...releasesToKeep(runs)].sort()

test('the newest release that went live serves, whatever failed after it', () => {
  assert.equal(servingRelease([run('settled', 1), run('settled', 2), run('failed', 3)]), 2)
  assert.equal(servingRelease([run('failed', 1)]), null)
})

test('a settled release is kept alone', () => {
  assert.deepEqual(kept(run('settled', 1), run('settled', 2)), [2])
})

test('while a release is live and not settled, the one before it stays warm', () => {
  assert.deepEqual(kept(run('settled', 1), run('settled', 2), run('live', 3)), [2, 3])
})

test('of two releases that went live one right after the other, only the last keeps its predecessor warm', () => {
  assert.deepEqual(kept(run('settled', 1), run('live', 2), run('live', 3)), [2, 3])
})

test('a release under way is kept, one of a cancelled or failed run is not', () => {
  assert.deepEqual(kept(run('settled', 1), run('starting', 2)), [1, 2])
  assert.deepEqual(kept(run('settled', 1), run('cancelled', 2), run('failed', 3), run('superseded', 4)), [1])
})

test('the target of an open automatic rollback is kept until the rollback is live', () => {
  const failed = run('failed-after-live', 3)
  assert.deepEqual(kept(run('settled', 2), failed, run('queued', null, automatic(2))), [2, 3])
  assert.deepEqual(kept(run('settled', 2), failed, run('settled', 4, automatic(2))), [4])
})

test('after an automatic rollback that failed, what it should have gone back to serves', () => {
  const runs = [run('settled', 2), run('failed-after-live', 3), run('failed', 4, automatic(2))]
  assert.equal(servingRelease(runs), 2)
  assert.deepEqual(kept(...runs), [2])
})

test('the predecessor skips releases that never went live', () => {
  const live = run('live', 4)
  assert.equal(predecessor([run('settled', 2), run('failed', 3), live], live), 2)
})

test('images are kept as far back as there are so many different ones, however many releases share one', async () => {
  const images = ['', 'a', 'b', 'b', 'b', 'c', 'd']
  const keep = async (count: number, ...runs: Run[]) =>
    [...(await imagesToKeep(runs, count, release => Promise.resolve(images[release] ?? null)))].sort()
  const served = [1, 2, 3, 4, 5].map(number => run('settled', number))
  assert.deepEqual(await keep(2, ...served), ['b', 'c'])
  assert.deepEqual(await keep(3, ...served), ['a', 'b', 'c'])
  assert.deepEqual(await keep(10, ...served), ['a', 'b', 'c'])
})

test('what may run keeps its image even beyond the count; what failed or was cancelled does not', async () => {
  const imageOf = (release: number) => Promise.resolve(`image ${release}`)
  const runs = [run('settled', 1), run('settled', 2), run('live', 3), run('starting', 4), run('failed', 5)]
  assert.deepEqual([...(await imagesToKeep(runs, 1, imageOf))].sort(), ['image 2', 'image 3', 'image 4'])
  const after = [run('settled', 1), run('failed-after-live', 2), run('cancelled', 3)]
  assert.deepEqual([...(await imagesToKeep(after, 5, imageOf))], ['image 1'])
})
