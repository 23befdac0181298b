import assert from 'node:assert/strict'
import { test } from 'node:test'
import { image, shop } from '../../test/doubles/api.ts'
import { parseCommitId, parseRunId } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { readDocument } from './document.ts'
import { makeRelease } from './make-release.ts'

const never = new AbortController().signal

test('the snapshot in the cluster says whose it is; config version and commit stand in its document', async () => {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  const engine = new FakeCluster({ clock: systemClock }).engine()
  const deps = { store, engine, clock: systemClock, seal: (text: string) => new TextEncoder().encode(text) }
  const commit = parseCommitId('c'.repeat(40))
  await store.createApp(shop.app, 'ann', 1)
  const id = parseRunId('run00000001')
  await store.insertRun({ ...shop, id, intent: { kind: 'commit', commit }, by: 'ann', reason: 'waiting', now: 1 })
  for (const [from, to] of [
    ['queued', 'receiving'],
    ['receiving', 'building'],
    ['building', 'verifying'],
    ['verifying', 'releasing'],
  ] as const)
    await store.advanceRun(id, from, to, { reason: to, now: 1 })
  const run = await store.findRun(id)
  assert.ok(run)
  const parts = {
    image,
    verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
    commit,
    author: 'Ann <ann@example.com>',
    config: 1,
    formation: {},
    description: 'Deploy ccccccc',
  } as const

  const release = await makeRelease(run, parts, deps, never)
  assert.equal((await makeRelease(run, parts, deps, never)).number, release.number)

  const snapshots = await engine.listConfigs({}, never)
  assert.deepEqual(
    snapshots.map(({ name, labels }) => ({ name, labels })),
    [
      {
        name: 'l-shop-production-v1',
        labels: {
          'lading.app': 'shop',
          'lading.environment': 'production',
          'lading.role': 'snapshot',
          'lading.release': '1',
        },
      },
    ],
  )
  const document = readDocument(new TextDecoder().decode(snapshots[0]?.data))
  assert.deepEqual([document.release.commit, document.config.version], [commit, 1])
  await store.close()
})
