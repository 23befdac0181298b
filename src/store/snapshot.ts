import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { flush, ifMissing } from '../lib/files.ts'
import { copyTo, migrateFile } from './sqlite.ts'

/**
 * A copy of the store's file as it stands, its schema too: what an upgrade goes back to. Whole or not at all; one that is
 * there stays, and of a store that is not there none is made. Other connections may write meanwhile.
 */
export async function takeSnapshot(path: string, snapshot: string): Promise<void> {
  if ((await isFile(snapshot)) || !(await isFile(path))) return
  const part = `${snapshot}.part`
  await rm(part, { force: true })
  const database = new SqliteDatabase(path, { fileMustExist: true })
  try {
    await copyTo(database, part)
  } finally {
    database.close()
  }
  await flush(part)
  await rename(part, snapshot)
  await flush(dirname(snapshot))
}

/**
 * Brings a copy of the store's file up to date and throws it away: says which migrations this version would do. Rejects as
 * opening the store itself would.
 */
export async function tryMigrations(path: string): Promise<readonly string[]> {
  const copy = `${path}.tried`
  const remove = () => Promise.all(['', '-wal', '-shm'].map(end => rm(`${copy}${end}`, { force: true })))
  await remove()
  try {
    await takeSnapshot(path, copy)
    if (!(await isFile(copy))) return []
    const before = new Set(schemaOf(copy))
    await migrateFile(copy)
    return schemaOf(copy).filter(name => !before.has(name))
  } finally {
    await remove()
  }
}

/** The names of the migrations that were done on this file, in their order. */
function schemaOf(path: string): readonly string[] {
  const database = new SqliteDatabase(path, { fileMustExist: true })
  try {
    const table = database.prepare(`select 1 from sqlite_master where name = 'kysely_migration'`).get()
    if (table === undefined) return []
    const rows = database.prepare('select name from kysely_migration order by name').all()
    return (rows as { readonly name: string }[]).map(({ name }) => name)
  } finally {
    database.close()
  }
}

/** Whether the store's schema has moved since its snapshot; false where none was made. */
export async function isMigratedSince(snapshot: string, path: string): Promise<boolean> {
  return (await isFile(snapshot)) && schemaOf(snapshot).join() !== schemaOf(path).join()
}

/**
 * Puts a snapshot in the place of the store. No one may have it open. Killed anywhere, it is to be called again: from its
 * first step on, the file alone does not tell what it is.
 */
export async function putBack(snapshot: string, path: string): Promise<void> {
  const beside = `${path}.back`
  await rm(beside, { force: true })
  await takeSnapshot(snapshot, beside)
  // A log of the store that goes would be played into the one that comes.
  for (const end of ['-wal', '-shm']) await rm(`${path}${end}`, { force: true })
  await rename(beside, path)
  await flush(dirname(path))
}

async function isFile(path: string): Promise<boolean> {
  try {
    await (await open(path, 'r')).close()
    return true
  } catch (error) {
    return ifMissing(false)(error)
  }
}
