import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import SqliteDatabase from 'better-sqlite3'
import { parseAppName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { migrations } from './migrations.ts'
import { isMigratedSince, putBack, takeSnapshot, tryMigrations } from './snapshot.ts'
import { openSqliteStore } from './sqlite.ts'

const dataKey = new Secret('5a'.repeat(32))
const names = Object.keys(migrations).toSorted()

async function folder(t: TestContext) {
  const path = await mkdtemp(join(tmpdir(), 'lading-snapshot-'))
  t.after(() => rm(path, { recursive: true }))
  return { path, database: join(path, 'lading.db'), snapshot: join(path, 'snapshot.db') }
}

async function withApp(database: string, name: string): Promise<void> {
  const store = await openSqliteStore({ path: database, dataKey })
  await store.createApp(parseAppName(name), 'ann', 1)
  await store.close()
}

async function appsOf(database: string): Promise<readonly string[]> {
  const store = await openSqliteStore({ path: database, dataKey })
  try {
    return (await store.listApps()).map(({ app }) => app)
  } finally {
    await store.close()
  }
}

test('what was written after a snapshot is gone when it is put back, and a log that was left does not bring it again', async t => {
  const { path, database, snapshot } = await folder(t)
  await withApp(database, 'kept')
  await takeSnapshot(database, snapshot)
  await withApp(database, 'later')
  // Killed: its log stays.
  const killed = new SqliteDatabase(database)
  killed.pragma('wal_autocheckpoint = 0')
  killed.prepare(`insert into kysely_migration values ('9999-future', '2030-01-01')`).run()
  assert.ok((await readdir(path)).includes('lading.db-wal'))
  assert.equal(await isMigratedSince(snapshot, database), true)
  await putBack(snapshot, database)
  killed.close()
  assert.equal(await isMigratedSince(snapshot, database), false)
  assert.deepEqual(await appsOf(database), ['kept'])
})

test('a snapshot that is there is not made again, and of nothing none is made', async t => {
  const { path, database, snapshot } = await folder(t)
  await takeSnapshot(database, snapshot)
  assert.deepEqual(await readdir(path), [])
  assert.equal(await isMigratedSince(snapshot, database), false)
  await withApp(database, 'kept')
  await takeSnapshot(database, snapshot)
  await withApp(database, 'later')
  await takeSnapshot(database, snapshot)
  assert.deepEqual(await appsOf(snapshot), ['kept'])
})

test('migrations are tried on a copy, which leaves nothing and changes nothing', async t => {
  const { path, database } = await folder(t)
  assert.deepEqual(await tryMigrations(database), [])
  const file = new SqliteDatabase(database)
  file.exec('create table someone (id text); insert into someone values (1)')
  assert.deepEqual(await tryMigrations(database), names)
  file.exec('create table apps (id text)')
  await assert.rejects(tryMigrations(database), {
    code: 'internal',
    message: /cannot be brought from nothing up to date/,
  })
  const tables = file.prepare(`select name from sqlite_master where type = 'table' order by name`).pluck().all()
  assert.deepEqual(tables, ['apps', 'someone'])
  file.close()
  assert.deepEqual(await readdir(path), ['lading.db'])
})

test('a store of a newer Lading is refused before it is tried', async t => {
  const { database } = await folder(t)
  await withApp(database, 'kept')
  const file = new SqliteDatabase(database)
  file.prepare(`insert into kysely_migration values ('9999-future', '2030-01-01')`).run()
  file.close()
  await assert.rejects(tryMigrations(database), { code: 'conflict', message: /newer Lading/ })
})
