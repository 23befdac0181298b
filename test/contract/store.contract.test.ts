import { rm } from 'node:fs/promises'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { Secret } from '../../src/core/secret.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { storeContract } from './store.contract.ts'

const dataKey = new Secret('5a'.repeat(32))
const folder = mkdtempSync(join(tmpdir(), 'lading-store-'))
after(() => rm(folder, { recursive: true }))

storeContract('SQLite in memory', () => openSqliteStore({ path: ':memory:', dataKey }))

let files = 0
storeContract('an SQLite file, opened again for each call', async () => {
  const path = join(folder, `${files++}.db`)
  const call = async (method: keyof Store, parameters: readonly unknown[]): Promise<unknown> => {
    const store = await openSqliteStore({ path, dataKey })
    try {
      return await (store[method] as (...parameters: readonly unknown[]) => Promise<unknown>)(...parameters)
    } finally {
      if (method !== 'close') await store.close()
    }
  }
  return new Proxy({} as Store, {
    get: (_, method) =>
      method === 'then' ? undefined : (...parameters: unknown[]) => call(method as keyof Store, parameters),
  })
})
