import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBranchName } from '../core/names.ts'
import { PushRig } from '../../test/doubles/push-rig.ts'

const main = parseBranchName('main')
const signal = new AbortController().signal

test('a push of a bound branch shows progress at once and moves the branch when it is live', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  const push = rig.push('main')
  const run = await rig.run(push, 1)
  assert.deepEqual(run.row.intent, { kind: 'commit', commit, move: { branch: 'main', from: null, force: false } })
  assert.equal(run.row.by, 'ada')
  run.say('-----> Building shop')
  await push.prints('remote: -----> Building shop')
  assert.deepEqual(await rig.refs(), [])
  await run.live()
  const { code, stderr } = await push.end
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\* \[new branch\] +main -> main/)
  assert.deepEqual(await rig.refs(), [`refs/heads/main ${commit}`])
  assert.deepEqual(rig.pipeline.cancels, [])
  assert.deepEqual(rig.logged, [])
})

test('a failed run is answered with its reason and details, and the branch stays', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const push = rig.push('main')
  const run = await rig.run(push, 1)
  run.end('failed', 'build failed:\u001b[31m npm ci\nexited 1', ['npm error code E404'])
  const { code, stderr } = await push.end
  assert.equal(code, 1)
  assert.match(stderr, /! \[remote rejected\] main -> main \(build failed: npm ci exited 1\)/)
  assert.match(stderr, /remote: {2}! {5}build failed: npm ci exited 1\nremote: {8}npm error code E404/)
  assert.deepEqual(await rig.refs(), [])
})

test('a branch no environment follows is stored, and the push says so', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  const { code, stderr } = await rig.push('main:feature/x').end
  assert.equal(code, 0, stderr)
  assert.match(stderr, /remote: -----> feature\/x is stored at [0-9a-f]{7}; no environment follows it/)
  const lines = stderr.split('\n').filter(line => line.startsWith('remote: '))
  assert.match(
    lines.at(-1) ?? '',
    /warning: nothing was deployed\. production follows main\. To deploy feature\/x: git push lading feature\/x:main/,
  )
  assert.deepEqual(await rig.refs(), [`refs/heads/feature/x ${commit}`])
  assert.equal(rig.pipeline.runs.length, 0)
})

test('an unbound branch can be forced and deleted', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  await rig.push('main:topic').end
  await rig.git(['commit', '--quiet', '--amend', '--message', 'Another'])
  assert.match((await rig.push('main:topic').end).stderr, /! \[rejected\] +main -> topic \(non-fast-forward\)/)
  const { code, stderr } = await rig.push('--force', 'main:topic').end
  assert.equal(code, 0, stderr)
  assert.deepEqual(await rig.refs(), [`refs/heads/topic ${await rig.head()}`])
  assert.match((await rig.push('--delete', 'topic').end).stderr, /- \[deleted\] +topic/)
  assert.deepEqual(await rig.refs(), [])
})

test('a bound branch cannot be deleted', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  await rig.repositories.create(rig.app, signal)
  await rig.push('main:seed').end
  await rig.repositories.moveBranch(rig.app, main, { from: null, to: commit }, signal)
  const { code, stderr } = await rig.push('--delete', 'main').end
  assert.equal(code, 1)
  assert.match(stderr, /! \[remote rejected\] main \(production follows main\)/)
  assert.ok((await rig.refs()).includes(`refs/heads/main ${commit}`))
})

test('tags go the way of git', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  await rig.git(['tag', 'v1'])
  const { code, stderr } = await rig.push('v1').end
  assert.equal(code, 0, stderr)
  assert.deepEqual(await rig.refs(), [`refs/tags/v1 ${commit}`])
  assert.equal((await rig.push('--delete', 'v1').end).code, 0)
})

test('two refs in one push get an answer each', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  const push = rig.push('main', 'main:topic')
  const run = await rig.run(push, 1)
  run.end('failed', 'health check answered 503')
  const { code, stderr } = await push.end
  assert.equal(code, 1)
  assert.match(stderr, /! \[remote rejected\] main -> main \(health check answered 503\)/)
  assert.match(stderr, /\* \[new branch\] +main -> topic/)
  assert.deepEqual(await rig.refs(), [`refs/heads/topic ${commit}`])
})

test('two bound branches in one push are deployed one after the other', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  const push = rig.push('main', 'main:staging')
  const first = await rig.run(push, 1)
  assert.equal(rig.pipeline.runs.length, 1)
  await first.live()
  const second = await rig.run(push, 2)
  assert.deepEqual([first.row.environment, second.row.environment], ['production', 'staging'])
  await second.live()
  assert.equal((await push.end).code, 0)
  assert.deepEqual(await rig.refs(), [`refs/heads/main ${commit}`, `refs/heads/staging ${commit}`])
})

test('in an atomic push nothing moves before the deploy is live, then all', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  await rig.git(['tag', 'v1'])
  const push = rig.push('--atomic', 'main:topic', 'main', 'v1')
  const run = await rig.run(push, 1)
  assert.deepEqual(await rig.refs(), [])
  await run.live()
  const { code, stderr } = await push.end
  assert.equal(code, 0, stderr)
  const names = ['refs/heads/main', 'refs/heads/topic', 'refs/tags/v1']
  assert.deepEqual(
    await rig.refs(),
    names.map(name => `${name} ${commit}`),
  )
})

test('in an atomic push nothing moves when the deploy fails', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  await rig.git(['tag', 'v1'])
  const push = rig.push('--atomic', 'main:topic', 'main', 'v1')
  const run = await rig.run(push, 1)
  run.end('failed', 'web.1 exited 1')
  const { code, stderr } = await push.end
  assert.equal(code, 1)
  assert.match(stderr, /! \[remote rejected\] main -> main \(web\.1 exited 1\)/)
  assert.match(stderr, /! \[remote rejected\] main -> topic \(not moved, because another branch/)
  assert.match(stderr, /! \[remote rejected\] v1 -> v1/)
  assert.deepEqual(await rig.refs(), [])
})

test('an atomic push with a branch that is refused starts nothing', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const { code, stderr } = await rig.push('--atomic', 'main', 'main:bad~name'.replace('~', '%')).end
  assert.equal(code, 1)
  assert.match(stderr, /"bad%name" is not a valid branch name/)
  assert.equal(rig.pipeline.runs.length, 0)
})

test('an atomic push for two environments is refused', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const { code, stderr } = await rig.push('--atomic', 'main', 'main:staging').end
  assert.equal(code, 1)
  assert.match(stderr, /main -> main \(an atomic push can deploy one environment only\)/)
  assert.deepEqual([await rig.refs(), rig.pipeline.runs.length], [[], 0])
})

test('refs that are neither branch nor tag, and ours above all, are refused', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  for (const [ref, reason] of [
    ['refs/notes/commits', 'only branches and tags can be pushed'],
    ['refs/lading/runs/0run00000001', 'deny updating a hidden ref'],
  ] as const) {
    const { code, stderr } = await rig.push(`main:${ref}`).end
    assert.equal(code, 1)
    assert.ok(stderr.includes(`(${reason})`), stderr)
  }
  assert.deepEqual(await rig.refs(), [])
})

test('a tag object on a branch is refused', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  await rig.git(['tag', '--annotate', '--message', 'one', 'v1'])
  const { code, stderr } = await rig.push('refs/tags/v1:refs/heads/main').end
  assert.equal(code, 1)
  assert.match(stderr, /is a tag, not a commit/)
})

test('a forced push of a bound branch is taken while the branch is where the client saw it', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const first = rig.push('main')
  await (await rig.run(first, 1)).live()
  await first.end
  await rig.git(['commit', '--quiet', '--amend', '--message', 'Another'])
  const push = rig.push('--force', 'main')
  const run = await rig.run(push, 2)
  assert.equal(run.row.intent.kind === 'commit' && run.row.intent.move?.force, true)
  await run.live()
  assert.equal((await push.end).code, 0)
  assert.deepEqual(await rig.refs(), [`refs/heads/main ${await rig.head()}`])
})

test('submodules are named in the output', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  await rig.git(['update-index', '--add', '--cacheinfo', `160000,${commit},vendor/lib`])
  await rig.git(['commit', '--quiet', '--message', 'Add a submodule'])
  const push = rig.push('main')
  const run = await rig.run(push, 1)
  await push.prints('remote:  !     Submodules are not fetched; in the build these folders are empty: vendor/lib')
  await run.live()
  assert.equal((await push.end).code, 0)
})

test('a superseded push is told by which commit, and the one that came later is taken', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const older = rig.push('main')
  await rig.run(older, 1)
  const commit = await rig.commit({ a: '2' })
  const newer = rig.push('main')
  const run = await rig.run(newer, 2)
  const { code, stderr } = await older.end
  assert.equal(code, 1)
  assert.ok(stderr.includes(`(superseded by ${commit.slice(0, 7)})`), stderr)
  await run.live()
  assert.equal((await newer.end).code, 0)
  assert.deepEqual(await rig.refs(), [`refs/heads/main ${commit}`])
})

test('of two pushes at once the one that is no fast-forward of the other fetches first', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const older = rig.push('main')
  const winner = await rig.run(older, 1)
  winner.pastNoReturn = true
  await rig.git(['commit', '--quiet', '--amend', '--message', 'Another'])
  const newer = rig.push('main')
  const loser = await rig.run(newer, 2)
  await winner.live()
  assert.equal((await older.end).code, 0)
  await assert.rejects(loser.live(), { message: 'fetch first' })
  loser.end('failed', 'fetch first')
  // These very words make the client print its own advice, as for a plain repository.
  assert.match((await newer.end).stderr, /! \[rejected\] +main -> main \(fetch first\)/)
})

test('a repository without commits has nothing to push, and an empty one can be cloned', async () => {
  await using rig = await PushRig.make()
  assert.match((await rig.push('main').end).stderr, /src refspec main does not match any/)
  const { code, stderr } = await rig.start(['clone', rig.url(), 'copy']).end
  assert.equal(code, 0, stderr)
  assert.match(stderr, /empty repository/)
})

test('what was pushed can be fetched', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  await rig.push('main:topic').end
  const run = '0run00000001' as Parameters<typeof rig.repositories.pin>[1]
  await rig.repositories.pin(rig.app, run, commit, signal)
  const { stdout } = await rig.git(['ls-remote', rig.url()])
  assert.equal(stdout, `${commit}\trefs/heads/topic\n`)
  await rig.git(['clone', '--quiet', '--branch=topic', rig.url(), 'copy'])
})

test('who may not enter is told why', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const refused = async (url: string) => {
    const { code, stderr } = await rig.start(['push', url, 'main']).end
    assert.equal(code, 128)
    return stderr
  }
  assert.match(await refused(rig.url('shop', 'bad-token')), /Authentication failed/)
  assert.match(await refused(rig.url('nope')), /remote: There is no app nope here/)
  assert.match(await refused(rig.url('No!pe')), /remote: There is no app No\?pe here/)
  assert.match(await refused(rig.url('foreign')), /remote: ada may not push to foreign/)
  assert.match(await refused(rig.url('broken')), /remote: the store does not answer/)
  rig.destroy()
  assert.match(await refused(rig.url()), /remote: There is no app shop here/)
})
