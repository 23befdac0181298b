import type { CompiledQuery, Kysely } from 'kysely'
import { accessStore } from './access-store.ts'
import { appStore } from './apps.ts'
import { auditStore } from './audit-store.ts'
import { assertDataKey, configStore } from './config.ts'
import type { Connection } from './connection.ts'
import { certificateStore } from './certificates.ts'
import { domainStore } from './domains.ts'
import { passedStepStore } from './passed-steps.ts'
import { releaseStore } from './releases.ts'
import { restoringStore } from './restore.ts'
import { runStore } from './runs.ts'
import type { Sealer } from './seal.ts'
import { serviceStore } from './service-store.ts'
import { settingStore } from './settings.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

export interface SqlDatabase {
  /** Builds and compiles queries in the database's dialect. */
  readonly db: Kysely<Tables>
  readonly sealer: Sealer
  /** All or nothing, in this order; the rows of each. */
  readonly batch: (queries: readonly CompiledQuery[]) => Promise<unknown[][]>
  /** Into a file that is not there yet. */
  readonly copyTo: (path: string) => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * The store on any database that speaks SQL and runs a batch of statements as one transaction (decision:
 * statements-in-batches).
 */
export async function openSqlStore({ db, sealer, batch, copyTo, close }: SqlDatabase): Promise<Store> {
  const connection: Connection = {
    db,
    batch: async (...queries) => (await batch(queries.map(query => query.compile()))) as never,
  }
  await assertDataKey(connection, sealer)
  return {
    ...appStore(connection),
    ...runStore(connection),
    ...releaseStore(connection),
    ...passedStepStore(connection),
    ...configStore(connection, sealer),
    ...domainStore(connection),
    ...certificateStore(connection, sealer),
    ...restoringStore(connection, sealer),
    ...settingStore(connection, sealer),
    ...accessStore(connection),
    ...auditStore(connection),
    ...serviceStore(connection, sealer),
    copyTo,
    close,
  }
}
