import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import SqliteDatabase from 'better-sqlite3'
import { parseAppName, production } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { openSqliteStore } from './sqlite.ts'

const dataKey = new Secret('5a'.repeat(32))
const key = { app: parseAppName('shop'), environment: production }

async function storeFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-store-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'lading.db')
  const store = await openSqliteStore({ path, dataKey })
  await store.createApp(key.app, 'ann', 1)
  await store.writeConfig(key, 1, { A: new Secret('tell-no-one'), B: new Secret('b') }, 'ann', 2)
  await store.close()
  return path
}

test('a config value is not to be found in the file', async t => {
  const path = await storeFile(t)
  for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const)
    assert.ok(!(await readFile(path)).includes(Buffer.from('tell-no-one').toString(encoding)))
})

test('another data key is refused at start', async t => {
  const path = await storeFile(t)
  await assert.rejects(openSqliteStore({ path, dataKey: new Secret('5b'.repeat(32)) }), /data key/)
})

test('a sealed value that was moved to another key does not open', async t => {
  const path = await storeFile(t)
  const file = new SqliteDatabase(path)
  const { sealed } = file.prepare('select sealed from config_versions where version = 2').get() as { sealed: string }
  const values = JSON.parse(sealed) as { A: string; B: string }
  file.prepare('update config_versions set sealed = ?').run(JSON.stringify({ A: values.B, B: values.A }))
  file.close()
  await assert.rejects(openSqliteStore({ path, dataKey }), /belongs elsewhere/)
})

test('a store of a newer Lading is refused, with the way out', async t => {
  const path = await storeFile(t)
  const file = new SqliteDatabase(path)
  file.prepare(`insert into kysely_migration values ('9999-future', '2030-01-01')`).run()
  file.close()
  await assert.rejects(openSqliteStore({ path, dataKey }), { code: 'conflict', message: /newer Lading/ })
})

test('a copy is whole, opens like the store, and is never laid over another', async t => {
  const path = await storeFile(t)
  const copy = `${path}.copy`
  const store = await openSqliteStore({ path, dataKey })
  const copied = store.copyTo(copy)
  for (let at = 0; at < 50; at++) await store.writeSetting(`s${at}`, 'x')
  await copied
  await assert.rejects(store.copyTo(copy), { code: 'already-exists' })
  await assert.rejects(store.copyTo(join(path, 'below', 'a file')), { code: 'unavailable' })
  await store.close()

  const opened = await openSqliteStore({ path: copy, dataKey })
  assert.equal((await opened.readConfig(key, 0)).values['A']?.reveal(), 'tell-no-one')
  await opened.close()
  await assert.rejects(openSqliteStore({ path: copy, dataKey: new Secret('5b'.repeat(32)) }), /data key/)
})

test('a setting is not to be found in the file, and alone it gives another key away', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'lading-store-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'lading.db')
  const store = await openSqliteStore({ path, dataKey })
  await store.writeSetting('backup', 'tell-no-one')
  await store.close()
  assert.ok(!(await readFile(path)).includes('tell-no-one'))
  await assert.rejects(openSqliteStore({ path, dataKey: new Secret('5b'.repeat(32)) }), /data key/)
})

test('a path that cannot be opened is named', async () => {
  await assert.rejects(
    openSqliteStore({ path: '/nowhere/lading.db', dataKey }),
    /\/nowhere\/lading.db cannot be opened/,
  )
})

test('the file is in WAL mode, and its foreign keys hold', async t => {
  const path = await storeFile(t)
  const file = new SqliteDatabase(path, { readonly: true })
  assert.equal(file.pragma('journal_mode', { simple: true }), 'wal')
  assert.deepEqual(file.pragma('foreign_key_check'), [])
  file.close()
})
