import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAppName, parseCommitId, parseImageReference, parseRunId, production, web } from '../core/names.ts'
import { FakeRepositories } from '../../test/doubles/repositories.ts'
import { defaults } from '../core/defaults.ts'
import { Secret } from '../core/secret.ts'
import type { RunState } from '../core/states.ts'
import { systemClock, systemIds } from '../core/system.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { bringBack } from './bring-back.ts'

const commit = parseCommitId('c0ffee0000000000000000000000000000000000')
const way: readonly RunState[] = [
  'queued',
  'receiving',
  'building',
  'verifying',
  'releasing',
  'starting',
  'proven',
  'live',
  'settled',
]

const image = {
  reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'a'.repeat(64)}`),
  buildKey: 'key',
  processes: [{ type: web, command: null }],
  releaseCommand: null,
  settings: defaults.settings,
  layers: [],
  stack: 'dockerfile',
  method: 'built',
} as const

/** An app with a run that got as far as `state`. */
async function given(store: Store, name: string, state: RunState, releasePhaseStarted = false) {
  const key = { app: parseAppName(name), environment: production }
  if (!(await store.findApp(key.app))) await store.createApp(key.app, 'ann', 1)
  const id = parseRunId(systemIds.runId())
  await store.insertRun({ ...key, id, intent: { kind: 'commit', commit }, by: 'ann', reason: 'x', now: 1 })
  for (const [at, to] of way.entries()) {
    const from = way[at - 1]
    if (from) await store.advanceRun(id, from, to, { reason: `now ${to}`, now: at })
    if (to === 'releasing') {
      await store.insertRelease({
        ...key,
        image,
        commit,
        author: 'a',
        config: 1,
        formation: {},
        verdict: { outcome: 'nothing-tested', sentence: '' },
        description: 'Deploy',
        by: 'ann',
        createdAt: 1,
        run: id,
      })
      if (releasePhaseStarted) await store.startReleasePhase(id, 1)
    }
    if (to === state) return { key, id }
  }
  throw new Error(state)
}

async function bring(store: Store): Promise<void> {
  const repositories = new FakeRepositories()
  const signal = new AbortController().signal
  for (const { app } of await store.listApps()) await repositories.create(app, signal)
  await bringBack({ store, repositories, clock: systemClock, ids: systemIds, log: () => {} }, signal)
}

async function broughtBack(t: { after: (work: () => Promise<void>) => void }, make: (store: Store) => Promise<void>) {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  t.after(() => store.close())
  await make(store)
  await bring(store)
  return store
}

test('what served gets a run of its own kind; what never served, or is destroyed, gets none', async t => {
  const store = await broughtBack(t, async store => {
    await given(store, 'shop', 'settled')
    await given(store, 'fresh', 'building')
    await given(store, 'gone', 'settled')
    await store.markAppDestroyed(parseAppName('gone'), 5)
    await store.createApp(parseAppName('empty'), 'ann', 1)
  })
  const open = await store.openRuns()
  assert.deepEqual(
    open.map(({ app, intent, state }) => ({ app, intent, state })),
    [{ app: 'shop', intent: { kind: 'restore', to: 1 }, state: 'queued' }],
  )
})

test('runs that were under way end as what they were', async t => {
  const found = new Map<string, string>()
  const store = await broughtBack(t, async store => {
    for (const [name, state, phase] of [
      ['early', 'building', false],
      ['phase', 'releasing', true],
      ['proven', 'proven', false],
      ['warm', 'live', false],
    ] as const)
      found.set(name, (await given(store, name, state, phase)).id)
  })
  const states: Record<string, RunState | undefined> = {}
  for (const [name, id] of found) states[name] = (await store.findRun(parseRunId(id)))?.state
  assert.deepEqual(states, { early: 'cancelled', phase: 'failed', proven: 'failed', warm: 'settled' })
  // Only what was live had been seen to serve.
  assert.deepEqual(
    (await store.openRuns()).map(({ app }) => app),
    ['warm'],
  )
})

test('killed in the middle it is done again, and there is one for each', async t => {
  const store = await broughtBack(t, async store => {
    await given(store, 'shop', 'settled')
    await bring(store)
  })
  assert.equal((await store.openRuns()).length, 1)
})
