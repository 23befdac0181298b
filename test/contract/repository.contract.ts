import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../src/core/errors.ts'
import { parseAppName, parseBranchName, parseCommitId, parseRunId, type CommitId } from '../../src/core/names.ts'
import type { Repositories } from '../../src/commit/repository.ts'

export interface RepositoriesUnderTest {
  readonly repositories: Repositories
  /** Stores a commit without moving a ref, as a push does before it is answered. */
  readonly commit: (commit: {
    files: Readonly<Record<string, string>>
    parents?: readonly CommitId[]
    subject?: string
  }) => Promise<CommitId>
  readonly tag: (name: string, commit: CommitId) => Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const app = parseAppName('shop')
const main = parseBranchName('main')
const run = parseRunId('0run00000001')
const absent = parseCommitId('1'.repeat(40))
const signal = new AbortController().signal
const code = (expected: string) => (error: AppError) => error.code === expected

/** One suite for the real git and the fake. `make` gives an app `shop` with an empty repository. */
export function repositoriesContract(name: string, make: () => Promise<RepositoriesUnderTest>): void {
  const check = (sentence: string, body: (made: RepositoriesUnderTest) => Promise<void>): void => {
    test(`${name}: ${sentence}`, async () => {
      await using made = await make()
      await body(made)
    })
  }

  check('creating twice keeps what is there', async ({ repositories, commit }) => {
    const one = await commit({ files: { a: '1' } })
    await repositories.moveBranch(app, main, { from: null, to: one }, signal)
    await repositories.create(app, signal)
    assert.equal(await repositories.branch(app, main, signal), one)
  })

  check('a removed repository is not found, and removing it again is no error', async ({ repositories }) => {
    await repositories.remove(app, signal)
    await repositories.remove(app, signal)
    await assert.rejects(repositories.branch(app, main, signal), code('not-found'))
    await assert.rejects(repositories.resolve(app, 'main', signal), code('not-found'))
    await repositories.create(app, signal)
    assert.equal(await repositories.branch(app, main, signal), null)
  })

  check('a branch moves only from where it is', async ({ repositories, commit }) => {
    const one = await commit({ files: { a: '1' } })
    const two = await commit({ files: { a: '2' }, parents: [one] })
    await repositories.moveBranch(app, main, { from: null, to: one }, signal)
    await assert.rejects(repositories.moveBranch(app, main, { from: null, to: two }, signal), code('conflict'))
    await assert.rejects(repositories.moveBranch(app, main, { from: two, to: null }, signal), code('conflict'))
    await repositories.moveBranch(app, main, { from: one, to: two }, signal)
    await repositories.moveBranch(app, main, { from: one, to: two }, signal)
    assert.equal(await repositories.branch(app, main, signal), two)
    await repositories.moveBranch(app, main, { from: two, to: null }, signal)
    await repositories.moveBranch(app, main, { from: two, to: null }, signal)
    assert.equal(await repositories.branch(app, main, signal), null)
  })

  check('main and main/x cannot both be branches', async ({ repositories, commit }) => {
    const one = await commit({ files: { a: '1' } })
    const [inner, deeper, other] = [parseBranchName('main/x'), parseBranchName('main/x/y'), parseBranchName('mainly')]
    const inTheWay = (branch: typeof main) => repositories.branchInTheWay(app, branch, signal)
    await repositories.moveBranch(app, other, { from: null, to: one }, signal)
    assert.deepEqual([await inTheWay(main), await inTheWay(inner)], [null, null])
    await repositories.moveBranch(app, inner, { from: null, to: one }, signal)
    assert.deepEqual([await inTheWay(main), await inTheWay(deeper)], [inner, inner])
    assert.equal(await inTheWay(inner), null)
    for (const branch of [main, deeper]) {
      await assert.rejects(repositories.moveBranch(app, branch, { from: null, to: one }, signal), code('conflict'))
    }
  })

  check('a branch does not move to a commit that is not there', async ({ repositories }) => {
    await assert.rejects(repositories.moveBranch(app, main, { from: null, to: absent }, signal), code('not-found'))
  })

  check('of several moves all or none happen', async ({ repositories, commit }) => {
    const one = await commit({ files: { a: '1' } })
    const other = parseBranchName('other')
    const moves = (from: CommitId | null) => [
      { branch: main, from: null, to: one },
      { branch: other, from, to: one },
    ]
    await assert.rejects(repositories.moveBranches(app, moves(absent), signal), code('conflict'))
    assert.equal(await repositories.branch(app, main, signal), null)
    await repositories.moveBranches(app, moves(null), signal)
    assert.equal(await repositories.branch(app, other, signal), one)
  })

  check('of two moves at once one wins', async ({ repositories, commit }) => {
    const [one, two] = [await commit({ files: { a: '1' } }), await commit({ files: { a: '2' } })]
    const results = await Promise.allSettled(
      [one, two].map(to => repositories.moveBranch(app, main, { from: null, to }, signal)),
    )
    const failed = results.filter(result => result.status === 'rejected')
    assert.equal(failed.length, 1)
    assert.equal((failed[0]!.reason as AppError).code, 'conflict')
  })

  check('ancestors are found through merges', async ({ repositories, commit }) => {
    const root = await commit({ files: { a: '1' } })
    const side = await commit({ files: { a: '1', b: '1' }, parents: [root] })
    const merge = await commit({ files: { a: '2', b: '1' }, parents: [root, side] })
    assert.equal(await repositories.isAncestor(app, side, merge, signal), true)
    assert.equal(await repositories.isAncestor(app, root, merge, signal), true)
    assert.equal(await repositories.isAncestor(app, merge, merge, signal), true)
    assert.equal(await repositories.isAncestor(app, merge, side, signal), false)
    await assert.rejects(repositories.isAncestor(app, absent, merge, signal), code('not-found'))
  })

  check('a commit is resolved by id, prefix, branch and tag', async ({ repositories, commit, tag }) => {
    const one = await commit({ files: { a: '1' } })
    await repositories.moveBranch(app, main, { from: null, to: one }, signal)
    await tag('v1.0', one)
    for (const text of [one, one.slice(0, 8), 'main', 'v1.0'])
      assert.equal(await repositories.resolve(app, text, signal), one)
    for (const text of ['nothing', 'main~1', 'HEAD^', '--all', '', 'a..b', 'x\ny', absent, `refs/lading/runs/${run}`])
      await assert.rejects(repositories.resolve(app, text, signal), code('not-found'), text)
  })

  check('a tag named like a branch is no branch', async ({ repositories, commit, tag }) => {
    await tag('refs/heads/main', await commit({ files: { a: '1' } }))
    assert.equal(await repositories.branch(app, main, signal), null)
  })

  check('pins are made and taken away any number of times', async ({ repositories, commit }) => {
    const one = await commit({ files: { a: '1' } })
    await repositories.pin(app, run, one, signal)
    await repositories.pin(app, run, one, signal)
    await repositories.unpin(app, run, signal)
    await repositories.unpin(app, run, signal)
    await assert.rejects(repositories.pin(app, run, absent, signal), code('not-found'))
  })

  check('a commit is described', async ({ repositories, commit }) => {
    const one = await commit({ files: { a: '1' }, subject: 'Grüße, "world"' })
    const facts = await repositories.describe(app, one, signal)
    assert.deepEqual(facts, {
      commit: one,
      tree: await repositories.treeOf(app, one, '', signal),
      author: 'Ada <ada@example.com>',
      subject: 'Grüße, "world"',
    })
    await assert.rejects(repositories.describe(app, absent, signal), code('not-found'))
  })

  check('files are read, absent ones are null', async ({ repositories, commit }) => {
    const one = await commit({ files: { Procfile: 'web: node a.js\n', 'lib/a.js': 'x', empty: '' } })
    const read = (path: string, most = 15) => repositories.readFile(app, one, { path, most }, signal)
    assert.equal((await read('Procfile'))?.toString(), 'web: node a.js\n')
    assert.equal((await read('lib/a.js'))?.toString(), 'x')
    assert.equal((await read('empty', 0))?.length, 0)
    for (const path of ['lib', 'nope', '../Procfile', './Procfile', '', 'a\nb', '/Procfile'])
      assert.equal(await read(path), null, path)
    await assert.rejects(read('Procfile', 14), code('invalid-input'))
    const absentFile = repositories.readFile(app, absent, { path: 'Procfile', most: 15 }, signal)
    await assert.rejects(absentFile, code('not-found'))
  })

  check('equal folders have equal trees', async ({ repositories, commit }) => {
    const one = await commit({ files: { 'lib/a': '1', b: '1' } })
    const two = await commit({ files: { 'lib/a': '1', b: '2' }, parents: [one] })
    const lib = await repositories.treeOf(app, one, 'lib', signal)
    assert.match(lib!, /^[0-9a-f]{40}$/)
    assert.equal(await repositories.treeOf(app, two, 'lib', signal), lib)
    assert.notEqual(await repositories.treeOf(app, one, '', signal), await repositories.treeOf(app, two, '', signal))
    assert.equal(await repositories.treeOf(app, one, 'b', signal), null)
    assert.equal(await repositories.treeOf(app, one, 'nope', signal), null)
  })

  check('the tree is listed in order', async ({ repositories, commit }) => {
    const one = await commit({ files: { 'lib/ä "x"': '1', b: '1' } })
    const entries = await repositories.listTree(app, one, signal)
    assert.deepEqual(
      entries.map(({ path, kind }) => [path, kind]),
      [
        ['b', 'file'],
        ['lib/ä "x"', 'file'],
      ],
    )
    assert.equal(entries[0]!.id, entries[1]!.id)
    await assert.rejects(repositories.listTree(app, absent, signal), code('not-found'))
  })

  check('the archive holds every file, whatever its attributes say', async ({ repositories, commit }) => {
    const one = await commit({ files: { 'docs/b': 'hello', a: '1', '.gitattributes': 'docs export-ignore\n' } })
    const chunks: Uint8Array[] = []
    for await (const chunk of repositories.archive(app, { commit: one, folder: '' }, signal)) chunks.push(chunk)
    const files = untar(Buffer.concat(chunks))
    assert.deepEqual([...files.keys()].sort(), ['.gitattributes', 'a', 'docs/b'])
    assert.equal(files.get('docs/b'), 'hello')
    await assert.rejects(
      repositories.archive(app, { commit: absent, folder: '' }, signal)[Symbol.asyncIterator]().next(),
      code('not-found'),
    )
  })

  check('the archive of a folder holds its files, by their paths in it', async ({ repositories, commit }) => {
    const one = await commit({ files: { 'api/src/b': 'hello', 'api/c': '2', 'api2/d': '3', a: '1' } })
    const chunks: Uint8Array[] = []
    for await (const chunk of repositories.archive(app, { commit: one, folder: 'api' }, signal)) chunks.push(chunk)
    const files = untar(Buffer.concat(chunks))
    assert.deepEqual([...files.keys()].sort(), ['c', 'src/b'])
    for (const folder of ['no', 'a', '../api']) {
      const archive = repositories.archive(app, { commit: one, folder }, signal)
      await assert.rejects(archive[Symbol.asyncIterator]().next(), code('not-found'))
    }
  })

  check('pins are listed by their runs, and are gone when they are taken off', async ({ repositories, commit }) => {
    assert.deepEqual(await repositories.pins(parseAppName('nobody'), signal), [])
    const one = await commit({ files: { a: '1' } })
    await repositories.pin(app, run, one, signal)
    assert.deepEqual(await repositories.pins(app, signal), [run])
    await repositories.unpin(app, run, signal)
    assert.deepEqual(await repositories.pins(app, signal), [])
  })

  check('a bundle holds every ref, and there is none of nothing', async ({ repositories, commit, tag }) => {
    const next = () => repositories.bundle(app, signal)[Symbol.asyncIterator]().next()
    await assert.rejects(next(), code('not-found'))
    const one = await commit({ files: { a: '1' } })
    const two = await commit({ files: { a: '2' } })
    await repositories.moveBranch(app, main, { from: null, to: one }, signal)
    await repositories.pin(app, run, two, signal)
    await tag('v1', one)
    const chunks: Uint8Array[] = []
    for await (const chunk of repositories.bundle(app, signal)) chunks.push(chunk)
    const [head = ''] = Buffer.concat(chunks).toString('latin1').split('\n\n')
    for (const line of [`${one} refs/heads/main`, ' refs/tags/v1', `${two} refs/lading/runs/${run}`]) {
      assert.ok(
        head.split('\n').some(ref => ref.endsWith(line)),
        head,
      )
    }
  })

  check('an aborted call rejects with the reason', async ({ repositories }) => {
    const reason = new Error('enough')
    await assert.rejects(repositories.branch(app, main, AbortSignal.abort(reason)), reason)
  })
}

/** Regular files of a ustar archive. */
function untar(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>()
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8)
    const name = archive.toString('utf8', at, at + 100).replace(/\0.*$/s, '')
    if (archive.toString('latin1', at + 156, at + 157) === '0')
      files.set(name, archive.toString('utf8', at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}
