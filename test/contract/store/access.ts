import assert from 'node:assert/strict'
import { type Given, shop, key, rejectsWith } from './given.ts'

/** What a store promises of members, roles, tokens and the record of who did what. */
export function keepsAccess(given: Given): void {
  given(
    'keeps members, roles and tokens: the same once more is no change, and what is of an app goes with it',
    async store => {
      await store.createApp(shop, 'ann', 1)
      const grant = { member: 'ann', role: 'viewer', by: 'root', at: 5 }
      for (const app of [null, shop, shop]) await store.saveGrant({ ...grant, app })
      const token = { hash: 'aa', by: 'root', at: 6, expiresAt: null, usedAt: null }
      await store.addToken({ ...token, id: 't1', name: 'laptop', holder: 'ann', expiresAt: 90 })
      await store.addToken({ ...token, id: 't2', name: 'ci', hash: 'bb', holder: key })
      await rejectsWith('already-exists', store.addToken({ ...token, id: 't3', name: 'ci', hash: 'cc', holder: key }))
      await store.touchToken('t1', 7)
      const first = { ...token, id: 't1', name: 'laptop', holder: 'ann', expiresAt: 90, usedAt: 7 }
      const grants = [{ role: 'viewer', app: null }]
      assert.deepEqual(await store.readAccess(), {
        members: [{ name: 'ann', by: 'root', at: 5, grants: [...grants, { role: 'viewer', app: shop }] }],
        tokens: [first, { ...token, id: 't2', name: 'ci', hash: 'bb', holder: key }],
      })
      await store.markAppDestroyed(shop, 8)
      await store.removeApp(shop)
      const member = { name: 'ann', by: 'root', at: 5 }
      assert.deepEqual(await store.readAccess(), { members: [{ ...member, grants }], tokens: [first] })
      await store.removeGrant({ member: 'ann', role: 'viewer', app: null })
      await store.removeToken('nothing')
      assert.deepEqual(await store.readAccess(), { members: [{ ...member, grants: [] }], tokens: [first] })
      await store.removeMember('ann')
      assert.deepEqual(await store.readAccess(), { members: [], tokens: [] })
    },
  )

  given('adds to the record of who did what, in order, and keeps the newest', async store => {
    const entry = { at: 7, who: 'ann', credential: 'token t1', from: '192.0.2.9', action: 'PUT /x', target: '/x' }
    assert.equal(await store.lastAudit(), 0)
    for (const note of ['1', '2', '3', '4', '5']) await store.appendAudit({ ...entry, status: 200, note }, 3)
    assert.equal(await store.lastAudit(), 5)
    const rows = await store.readAudit(0, 9)
    assert.deepEqual(
      rows.map(({ seq }) => seq),
      [3, 4, 5],
    )
    assert.deepEqual(rows[0], { ...entry, status: 200, note: '3', seq: 3 })
    assert.deepEqual(
      (await store.readAudit(3, 1)).map(({ seq }) => seq),
      [4],
    )
  })
}
