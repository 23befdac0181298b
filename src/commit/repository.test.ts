import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAppName, parseBranchName, type CommitId } from '../core/names.ts'
import { FakeRepositories } from '../../test/doubles/repositories.ts'
import { judgeMove } from './repository.ts'

const app = parseAppName('shop')
const branch = parseBranchName('main')
const signal = new AbortController().signal

const repositories = new FakeRepositories()
await repositories.create(app, signal)
const root = repositories.addCommit(app, { files: { a: '1' } })
const child = repositories.addCommit(app, { files: { a: '2' }, parents: [root] })
const rival = repositories.addCommit(app, { files: { a: '3' }, parents: [root] })

type Verdict = 'taken' | 'fetch first'
const cases: readonly [string, { present: CommitId | null; from: CommitId | null; force: boolean }, Verdict][] = [
  ['a new branch is taken', { present: null, from: null, force: false }, 'taken'],
  ['a fast-forward is taken', { present: root, from: root, force: false }, 'taken'],
  ['a fast-forward is taken, whatever the client saw', { present: root, from: null, force: false }, 'taken'],
  ['a branch deleted meanwhile is made again', { present: null, from: root, force: false }, 'taken'],
  ['what is there already is taken', { present: child, from: root, force: true }, 'taken'],
  ['a rival commit fetches first', { present: rival, from: root, force: false }, 'fetch first'],
  ['a forced move is taken from where the client saw it', { present: rival, from: rival, force: true }, 'taken'],
  ['a forced move over a branch that moved fetches first', { present: rival, from: root, force: true }, 'fetch first'],
  ['a forced move over a deleted branch fetches first', { present: null, from: root, force: true }, 'fetch first'],
]

test('a new branch is refused at once while another is in the way', async () => {
  const topic = parseBranchName('topic')
  await repositories.moveBranch(app, topic, { from: null, to: root }, signal)
  const move = { branch: parseBranchName('topic/x'), from: null, force: false }
  await assert.rejects(judgeMove(repositories, { app, commit: child, move }, signal), {
    code: 'conflict',
    message: 'git cannot hold topic/x beside the branch topic',
  })
})

for (const [sentence, { present, from, force }, verdict] of cases) {
  test(sentence, async () => {
    const before = await repositories.branch(app, branch, signal)
    await repositories.moveBranch(app, branch, { from: before, to: present }, signal)
    const judging = judgeMove(repositories, { app, commit: child, move: { branch, from, force } }, signal)
    if (verdict === 'taken') assert.equal(await judging, present)
    else await assert.rejects(judging, { code: 'conflict', message: 'fetch first' })
  })
}
