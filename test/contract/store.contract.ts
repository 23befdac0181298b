import { describe, it } from 'node:test'
import type { Store } from '../../src/store/store.ts'
import { keepsAccess } from './store/access.ts'
import { keepsApps } from './store/apps.ts'
import { keepsConfig } from './store/config.ts'
import { keepsDomains } from './store/domains.ts'
import { keepsReleases } from './store/releases.ts'
import { keepsRestored } from './store/restored.ts'
import { keepsRuns } from './store/runs.ts'
import { keepsServices } from './store/services.ts'
import type { Given } from './store/given.ts'

/**
 * What every store must do (src/store/store.ts). `make` gives an empty one, and a way to be rid of it; a store that
 * comes from a file may be closed and opened between any two calls.
 */
export function storeContract(name: string, make: () => Promise<Store>): void {
  const given: Given = (what, test) =>
    void it(what, async () => {
      const store = await make()
      try {
        await test(store)
      } finally {
        await store.close()
      }
    })

  describe(`a store on ${name}`, () => {
    const nouns = [
      keepsAccess,
      keepsApps,
      keepsRuns,
      keepsReleases,
      keepsConfig,
      keepsDomains,
      keepsServices,
      keepsRestored,
    ]
    for (const promises of nouns) promises(given)
  })
}
