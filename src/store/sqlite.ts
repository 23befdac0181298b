import { open, rm } from 'node:fs/promises'
import SqliteDatabase from 'better-sqlite3'
import { type CompiledQuery, Kysely, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import { AppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { isSystemError } from '../lib/files.ts'
import { migrations } from './migrations.ts'
import { createSealer } from './seal.ts'
import { openSqlStore } from './sql-store.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

/** Another connection to the same file (a backup, a control plane that hands over) is waited for so long (ms). */
const BUSY_MS = 5_000

export interface SqliteOptions {
  /** A file, made when it is not there, or `:memory:`. */
  readonly path: string
  /** 32 bytes in hexadecimal; config values are sealed under it. */
  readonly dataKey: Secret
}

/**
 * Opens the store and brings its schema up to date. A row is durable when its method resolves: after a power cut it is
 * there. Rejects `conflict` when the file is of a newer Lading, `internal` when it was written under another data key.
 */
export async function openSqliteStore({ path, dataKey }: SqliteOptions): Promise<Store> {
  const sealer = createSealer(dataKey, 'config')
  const database = openDatabase(path)
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) })
  try {
    await migrate(db, path)
    return await openSqlStore({
      db,
      sealer,
      batch: batchOf(database),
      copyTo: copy => copyTo(database, copy),
      close: () => db.destroy(),
    })
  } catch (error) {
    database.close()
    throw error
  }
}

/** Rejects `internal` when pages of the file are damaged; says nothing about what the rows mean. */
export function checkSqliteFile(path: string): void {
  const database = openDatabase(path)
  try {
    const found = database.pragma('quick_check(10)') as readonly { readonly quick_check: string }[]
    const wrong = found.map(row => row.quick_check).filter(text => text !== 'ok')
    if (wrong.length > 0) throw new AppError('internal', `the store ${path} is damaged`, { details: wrong })
  } catch (error) {
    throw asStoreError(error)
  } finally {
    database.close()
  }
}

/** Brings a file's schema up to date, without the data key. Rejects as `openSqliteStore` does. */
export async function migrateFile(path: string): Promise<void> {
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: openDatabase(path) }) })
  try {
    await migrate(db, path)
  } finally {
    await db.destroy()
  }
}

function openDatabase(path: string): SqliteDatabase.Database {
  let database
  try {
    database = new SqliteDatabase(path, { timeout: BUSY_MS })
  } catch (cause) {
    throw new AppError('unavailable', `the store ${path} cannot be opened: ${(cause as Error).message}`, { cause })
  }
  database.pragma('journal_mode = WAL')
  // In WAL mode NORMAL may lose the last commits at a power cut; a release that was acknowledged must be there.
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  return database
}

async function migrate(db: Kysely<Tables>, path: string): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...migrations }) } })
  const done = (await migrator.getMigrations()).filter(migration => migration.executedAt).map(({ name }) => name)
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  if (error instanceof Error && error.message.includes('previously executed migration')) {
    throw new AppError('conflict', `the store ${path} was written by a newer Lading`, {
      hint: 'Start the version that wrote it, or restore a backup that was made before the upgrade.',
      cause: error,
    })
  }
  throw new AppError('internal', `the store ${path} cannot be brought from ${done.at(-1) ?? 'nothing'} up to date`, {
    cause: error,
  })
}

/**
 * Runs a batch as one transaction, taken as a writer from its start: a transaction that reads first and wants to write
 * later is refused by SQLite when someone wrote in between.
 */
function batchOf(database: SqliteDatabase.Database) {
  const prepared = new Map<string, SqliteDatabase.Statement<unknown[]>>()
  const run = (query: CompiledQuery): unknown[] => {
    let statement = prepared.get(query.sql)
    if (!statement) prepared.set(query.sql, (statement = database.prepare<unknown[]>(query.sql)))
    if (statement.reader) return statement.all(...query.parameters)
    statement.run(...query.parameters)
    return []
  }
  const transaction = database.transaction((queries: readonly CompiledQuery[]) => queries.map(run))
  return async (queries: readonly CompiledQuery[]): Promise<unknown[][]> => {
    try {
      const [only, ...others] = queries
      return only && others.length === 0 ? [run(only)] : transaction.immediate(queries)
    } catch (error) {
      throw asStoreError(error)
    }
  }
}

/** SQLite's own backup, some pages at a time: what this connection writes meanwhile is in it too. */
export async function copyTo(database: SqliteDatabase.Database, path: string): Promise<void> {
  // `wx`: it is ours alone, also when two of them begin at once.
  const file = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (isSystemError(cause, 'EEXIST')) throw new AppError('already-exists', `${path} is there already`, { cause })
    throw new AppError('unavailable', `the store cannot be copied to ${path}: ${cause.message}`, { cause })
  })
  await file.close()
  try {
    await database.backup(path)
  } catch (error) {
    await rm(path, { force: true })
    throw asStoreError(error)
  }
}

function asStoreError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  const code = cause instanceof SqliteDatabase.SqliteError ? cause.code : ''
  const text = cause instanceof Error ? cause.message : String(cause)
  if (code.startsWith('SQLITE_BUSY'))
    return new AppError('unavailable', 'the store is busy', { retryable: true, cause })
  if (code === 'SQLITE_FULL') {
    return new AppError('unavailable', 'the disk of the control plane is full', {
      hint: 'Free space below /var/lib/lading; what runs keeps running.',
      retryable: true,
      cause,
    })
  }
  return new AppError('internal', `the store failed: ${text}`, { cause })
}
