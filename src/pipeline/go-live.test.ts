import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shop } from '../../test/doubles/api.ts'
import { FakeRepositories } from '../../test/doubles/repositories.ts'
import type { Clock } from '../core/clock.ts'
import { parseBranchName, parseRunId } from '../core/names.ts'
import type { Run } from '../core/run.ts'
import { moveBranch } from './go-live.ts'

const signal = new AbortController().signal
const [main, inner] = [parseBranchName('main'), parseBranchName('main/x')]

/** `main` is to land while `main/x` is there; `asleep` is called at each wait, for which no time is needed. */
async function landing(asleep: (repositories: FakeRepositories) => Promise<void> = async () => undefined) {
  const repositories = new FakeRepositories()
  await repositories.create(shop.app, signal)
  const commit = repositories.addCommit(shop.app, { files: { a: '1' } })
  await repositories.moveBranch(shop.app, inner, { from: null, to: commit }, signal)
  let now = 0
  const sleep = async (ms: number) => {
    now += ms
    await asleep(repositories)
  }
  const clock: Clock = { now: () => now, monotonic: () => now, sleep }
  const said: string[] = []
  const run: Run = {
    ...shop,
    id: parseRunId('run00000001'),
    intent: { kind: 'commit', commit, move: { branch: main, from: null, force: false } },
    state: 'live',
    reason: 'v1 is live',
    by: 'ann',
    createdAt: 0,
    changedAt: 0,
    releasePhaseStarted: false,
    release: 1,
    details: [],
  }
  const deps = { repositories, clock, log: () => undefined }
  await moveBranch(run, { say: line => said.push(line) }, deps, signal)
  return { said, head: await repositories.branch(shop.app, main, signal), commit }
}

test('a branch that cannot move is told, and does not hold its environment for ever', async () => {
  const { said, head } = await landing()
  assert.equal(head, null)
  assert.deepEqual(said, [
    ' !     main stays at nothing, it could not be moved: git did not move the branch: main/x is in the way',
  ])
})

test('what stands in the way of a branch for a moment is waited for', async () => {
  const { said, head, commit } = await landing(async repositories => {
    const from = await repositories.branch(shop.app, inner, signal)
    await repositories.moveBranch(shop.app, inner, { from, to: null }, signal)
  })
  assert.equal(head, commit)
  assert.deepEqual(said, [])
})
