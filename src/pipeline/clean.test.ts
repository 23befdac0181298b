import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeRepositories } from '../../test/doubles/repositories.ts'
import { defaultLimits } from '../core/limits.ts'
import { parseAppName, parseRunId, production } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { forgetHistory } from './clean.ts'
import { OperatorLimits } from './operator-limits.ts'

const key = { app: parseAppName('shop'), environment: production }
const signal = new AbortController().signal
const dataKey = new Secret('5a'.repeat(32))

test('old pushes that became nothing lose lines and pins; a release, and whoever is under way, keeps its pin', async t => {
  const store = await openSqliteStore({ path: ':memory:', dataKey })
  t.after(() => store.close())
  const repositories = new FakeRepositories()
  await store.createApp(key.app, 'ann', 1)
  await repositories.create(key.app, signal)
  const ids = ['run00001', 'run00002', 'run00003', 'run00004'].map(parseRunId)
  for (const id of ids) {
    const commit = repositories.addCommit(key.app, { files: { a: id } })
    await store.insertRun({ ...key, id, intent: { kind: 'commit', commit }, by: 'ann', reason: 'pushed', now: 1 })
    await repositories.pin(key.app, id, commit, signal)
  }
  const [old, , open, newest] = ids
  for (const id of [old!, newest!]) await store.advanceRun(id, 'queued', 'cancelled', { reason: 'enough', now: 2 })
  await store.appendLines(old!, [{ at: 1, text: 'once' }])

  await forgetHistory({ store, repositories, limits: () => defaultLimits }, signal)
  assert.equal((await repositories.pins(key.app, signal)).length, 4)
  const limits = () => ({ ...defaultLimits, runsKept: 1 })
  await forgetHistory({ store, repositories, limits }, signal)
  await forgetHistory({ store, repositories, limits }, signal)
  assert.deepEqual((await repositories.pins(key.app, signal)).toSorted(), ids.slice(1))
  assert.deepEqual(await store.readLines(old!, 0), [])
  assert.equal((await store.findRun(open!))?.state, 'queued')
})

test('what the operator has set is there after a restart; what no longer fits is said, and the default holds', async t => {
  const store = await openSqliteStore({ path: ':memory:', dataKey })
  t.after(() => store.close())
  const limits = await OperatorLimits.open(store, () => undefined)
  await limits.change('pids', 64)
  await limits.change('imagesKept', 3)
  await limits.change('imagesKept', null)
  await store.writeSetting('limit.openFiles', '7')
  await store.writeSetting('backup', 'someone else')

  const said: unknown[] = []
  const again = await OperatorLimits.open(store, (_, facts) => said.push(facts['name']))
  assert.deepEqual(again.current(), { ...defaultLimits, pids: 64 })
  assert.deepEqual([again.isSet('pids'), again.isSet('imagesKept')], [true, false])
  assert.deepEqual(said, ['openFiles'])
})
