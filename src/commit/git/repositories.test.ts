import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAppName, parseBranchName, parseCommitId } from '../../core/names.ts'
import { gitProgram, runGit } from './program.ts'
import { GitRepositories } from './repositories.ts'

const app = parseAppName('shop')
const main = parseBranchName('main')
const signal = new AbortController().signal

test('locks that a cut of power has left are removed, and the branch moves', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lading-locks-'))
  const program = gitProgram({ root: join(folder.path, 'git'), hooks: '/nonexistent' })
  const repositories = new GitRepositories(program)
  await repositories.removeStaleLocks()
  await repositories.create(app, signal)
  const path = join(program.root, 'shop.git')
  const git = async (args: readonly string[], input = '') =>
    (await runGit(program, [`--git-dir=${path}`, ...args], { signal, input })).stdout.toString().trim()
  const author = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com']
  const tree = await git(['mktree'])
  const commit = parseCommitId(await git([...author, 'commit-tree', '-m', 'one', tree]))
  for (const lock of ['refs/heads/main.lock', 'packed-refs.lock']) await writeFile(join(path, lock), '')
  await repositories.removeStaleLocks()
  await repositories.moveBranch(app, main, { from: null, to: commit }, signal)
  assert.equal(await repositories.branch(app, main, signal), commit)
  await git(['pack-refs', '--all'])
  await writeFile(join(path, 'packed-refs.new'), 'half of')
  await repositories.removeStaleLocks()
  await repositories.moveBranch(app, main, { from: commit, to: null }, signal)
  assert.equal(await repositories.branch(app, main, signal), null)
})
