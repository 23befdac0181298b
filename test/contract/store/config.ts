import assert from 'node:assert/strict'
import { Secret } from '../../../src/core/secret.ts'
import { type Given, shop, key, rejectsWith, reveal } from './given.ts'

/** What a store promises of config and settings. */
export function keepsConfig(given: Given): void {
  given('keeps every version of a config, each whole', async store => {
    await store.createApp(shop, 'ann', 5)
    const values = {
      A: new Secret(''),
      toString: new Secret('own'),
      URL: new Secret('line 1\nline 2 ✓ "\'$(x)\u0000'),
    }
    const written = await store.writeConfig(key, 1, values, 'bob', 7)
    assert.equal(written.version, 2)
    await store.writeConfig(key, 2, { A: new Secret('x') }, 'ann', 8)
    const second = await store.readConfig(key, 2)
    assert.equal(second.by, 'bob')
    assert.equal(second.at, 7)
    assert.deepEqual(reveal(second.values), reveal(values))
    assert.deepEqual(reveal((await store.readConfig(key, 0)).values), { A: 'x' })
    assert.deepEqual(reveal((await store.readConfig(key, 1)).values), {})
    await rejectsWith('not-found', store.readConfig(key, 4))
  })

  given('lets one of two config writers win', async store => {
    await store.createApp(shop, 'ann', 5)
    const results = await Promise.allSettled([
      store.writeConfig(key, 1, { A: new Secret('1') }, 'ann', 1),
      store.writeConfig(key, 1, { B: new Secret('2') }, 'bob', 1),
    ])
    assert.deepEqual(results.map(result => result.status).sort(), ['fulfilled', 'rejected'])
    await rejectsWith('conflict', store.writeConfig(key, 1, {}, 'bob', 1))
    await rejectsWith('conflict', store.writeConfig(key, 5, {}, 'bob', 1))
    assert.equal(Object.keys((await store.readConfig(key, 0)).values).length, 1)
  })

  given('keeps settings until they are taken back', async store => {
    assert.deepEqual(await store.readSettings(), {})
    await store.writeSetting('b', 'two')
    await store.writeSetting('a', '1')
    await store.writeSetting('a', 'one')
    assert.deepEqual(await store.readSettings(), { a: 'one', b: 'two' })
    await store.writeSetting('b', null)
    await store.writeSetting('never set', null)
    assert.deepEqual(await store.readSettings(), { a: 'one' })
  })
}
