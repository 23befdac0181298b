import assert from 'node:assert/strict'
import { parseConfigKey, parseImageReference, parseServiceName } from '../../../src/core/names.ts'
import { Secret } from '../../../src/core/secret.ts'
import type { NewAttachment, NewService } from '../../../src/store/service-store.ts'
import { type Given, key, rejectsWith } from './given.ts'

const db: NewService = {
  id: '0a0a0a0a',
  name: parseServiceName('db'),
  kind: 'postgres',
  from: null,
  by: 'ann',
  at: 1,
}
const made = { ...db, image: null, state: 'creating', reason: '', destroyedAt: null } as const
const attachment: NewAttachment = {
  ...key,
  id: 'a1',
  service: db.id,
  appSince: 7,
  variable: parseConfigKey('DATABASE_URL'),
  user: 'a_1',
  by: 'ann',
  at: 2,
}

/** What a store promises of backing services and of who is attached to them. */
export function keepsServices(given: Given): void {
  given(
    'keeps one wanted service of a name, and those that are destroyed beside it until they are removed',
    async store => {
      assert.deepEqual(await store.insertService(db), made)
      await rejectsWith('already-exists', store.insertService({ ...db, id: '0b0b0b0b' }))
      const image = parseImageReference(`127.0.0.1:5443/lading-postgres@sha256:${'a'.repeat(64)}`)
      await store.noteService(db.id, { image, reason: 'starting' })
      await store.noteService(db.id, { state: 'ready' })
      const ready = { ...made, image, state: 'ready', reason: 'starting' }
      assert.deepEqual(await store.listServices(), [ready])
      await store.destroyService(db.id, 9)
      await store.destroyService(db.id, 10)
      const second = await store.insertService({ ...db, id: '0b0b0b0b', from: 'a backup', at: 11 })
      assert.deepEqual(await store.listServices(), [{ ...ready, destroyedAt: 9 }, second])
      await store.removeService(db.id)
      await store.removeService(db.id)
      assert.deepEqual(await store.listServices(), [second])
      await rejectsWith('not-found', store.destroyService(db.id, 12))
    },
  )

  given('keeps one pair of credentials for each attachment, and destroys no service that has one', async store => {
    const password = new Secret('5ec7e7')
    await store.insertService(db)
    await rejectsWith('conflict', store.addAttachment(attachment, password))
    await store.noteService(db.id, { state: 'ready' })
    const added = { ...attachment, wanted: true }
    assert.deepEqual(await store.addAttachment(attachment, password), added)
    assert.deepEqual(await store.addAttachment({ ...attachment, id: 'a2', user: 'a_2' }, new Secret('ff')), added)
    assert.equal((await store.openAttachment('a1'))?.reveal(), '5ec7e7')
    assert.equal(await store.openAttachment('a2'), null)
    await rejectsWith('conflict', store.destroyService(db.id, 9))

    const cache = { ...db, id: '0c0c0c0c', name: parseServiceName('cache') }
    await store.insertService(cache)
    await store.noteService(cache.id, { state: 'ready' })
    const second = { ...attachment, id: 'a3', service: cache.id, at: 3 }
    await rejectsWith('already-exists', store.addAttachment(second, password))
    await store.markDetached('a1')
    await rejectsWith('conflict', store.destroyService(db.id, 9))
    assert.deepEqual(await store.addAttachment(second, password), { ...second, wanted: true })
    assert.deepEqual(await store.listAttachments(), [
      { ...added, wanted: false },
      { ...second, wanted: true },
    ])
    await store.removeAttachment('a1')
    await store.destroyService(db.id, 9)
    await rejectsWith(
      'conflict',
      store.addAttachment({ ...attachment, id: 'a4', variable: parseConfigKey('DB_URL') }, password),
    )
  })
}
