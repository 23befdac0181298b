import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goLive, shop } from '../../test/doubles/api.ts'
import { parseRunId } from '../core/names.ts'
import type { RunIntent } from '../core/run.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { settleOrRollBack } from './settle-or-roll-back.ts'

test('a crash goes back to the release before, unless the platform has stopped that one itself', async t => {
  for (const [stopped, state] of [
    [false, 'failed-after-live'],
    [true, 'settled'],
  ] as const) {
    const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
    t.after(() => store.close())
    await store.createApp(shop.app, 'ann', 1)
    const live = async (text: string) => {
      const intent: RunIntent = { kind: 'scale', formation: {} }
      const run = await store.insertRun({ ...shop, id: parseRunId(text), intent, by: 'ann', reason: 'x', now: 1 })
      await goLive(store, run)
      return (await store.findRun(run.id))!
    }
    await live('run00001')
    const run = await live('run00002')
    const rollback = await settleOrRollBack(run, 'web.1 exited', {
      store,
      clock: systemClock,
      supersede: () => assert.fail('nothing else is under way'),
      wasStopped: async release => stopped && release === 1,
    })
    const { state: now, reason } = (await store.findRun(run.id))!
    assert.equal(now, state)
    assert.equal(rollback === null, stopped)
    assert.match(reason, stopped ? /v1 was stopped by the platform too/ : /rolled back to v1/)
  }
})
