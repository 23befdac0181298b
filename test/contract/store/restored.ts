import assert from 'node:assert/strict'
import { parseBranchName, parseDomainName, parseRunId } from '../../../src/core/names.ts'
import type { Release } from '../../../src/core/release.ts'
import { Secret } from '../../../src/core/secret.ts'
import type { Run } from '../../../src/core/run.ts'
import type { RestoredApp } from '../../../src/store/store.ts'
import { type Given, shop, key, commit, image, newRun, newRelease, reveal } from './given.ts'

/** What a store promises of rows that are brought back. */
export function keepsRestored(given: Given): void {
  given('restores rows of a lost database, once, and goes on counting from them', async store => {
    const run: Run = {
      ...key,
      id: parseRunId('run00007'),
      intent: { kind: 'commit', commit },
      state: 'settled',
      reason: 'read back',
      details: [],
      by: 'ann',
      createdAt: 5,
      changedAt: 9,
      releasePhaseStarted: false,
      release: 7,
    }
    const release: Release = { ...newRelease('run00007'), number: 7, config: 4 }
    const values = { A: new Secret('1') }
    const rows: RestoredApp = {
      app: { app: shop, createdAt: 5, createdBy: 'unknown', destroyedAt: null },
      environments: [
        {
          ...key,
          branch: parseBranchName('trunk'),
          config: [{ version: 4, values, by: 'bob', at: 3 }],
          domains: [parseDomainName('shop.example.com')],
          runs: [{ run, release, steps: { parts: { config: 4 } } }],
        },
      ],
    }
    await store.restore([rows])
    await store.restore([rows])
    assert.deepEqual(await store.listApps(), [rows.app])
    assert.deepEqual(await store.listEnvironments(), [{ ...key, branch: 'trunk' }])
    assert.deepEqual(await store.listRuns(key, 9), [run])
    assert.deepEqual(await store.servingRelease(key), release)
    assert.deepEqual(await store.findImage(shop, 'key-1'), image)
    assert.deepEqual(await store.findStep(run.id, 'parts'), { result: { config: 4 } })
    assert.deepEqual(
      (await store.listDomains()).map(domain => domain.name),
      ['shop.example.com'],
    )
    const config = await store.readConfig(key, 0)
    assert.deepEqual([config.version, config.by, reveal(config.values)], [4, 'bob', { A: '1' }])
    assert.equal((await store.writeConfig(key, 4, {}, 'ann', 10)).version, 5)
    await store.insertRun(newRun('run00008'))
    assert.equal((await store.insertRelease(newRelease('run00008'))).number, 8)
    assert.deepEqual(
      (await store.listRuns(key, 9)).map(one => one.id),
      ['run00008', 'run00007'],
    )
  })
}
