import assert from 'node:assert/strict'
import { AppError, type ErrorCode } from '../../../src/core/errors.ts'
import {
  parseAppName,
  parseCommitId,
  parseImageReference,
  parseRunId,
  production,
  web,
  type EnvironmentKey,
} from '../../../src/core/names.ts'
import { defaults } from '../../../src/core/defaults.ts'
import type { Image, Release } from '../../../src/core/release.ts'
import type { Secret } from '../../../src/core/secret.ts'
import type { RunState } from '../../../src/core/states.ts'
import type { NewRun, Store } from '../../../src/store/store.ts'

/** One promise of the store that a test makes for it, empty, and closes. */
export type Given = (what: string, test: (store: Store) => Promise<void>) => void

export const shop = parseAppName('shop')
export const key: EnvironmentKey = { app: shop, environment: production }
export const commit = parseCommitId('c0ffee0000000000000000000000000000000000')

export const image: Image = {
  reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'a'.repeat(64)}`),
  buildKey: 'key-1',
  processes: [{ type: web, command: 'node server.js' }],
  releaseCommand: null,
  settings: defaults.settings,
  layers: [{ digest: `sha256:${'b'.repeat(64)}`, size: 12, isNew: true }],
  stack: 'dockerfile',
  method: 'built',
}

export const newRun = (id: string, at: EnvironmentKey = key): NewRun => ({
  ...at,
  id: parseRunId(id),
  intent: { kind: 'commit', commit },
  by: 'ann',
  reason: 'pushed',
  now: 1000,
})

export const newRelease = (run: string): Omit<Release, 'number'> => ({
  ...key,
  image,
  commit,
  author: 'Ann <ann@example.com>',
  config: 1,
  formation: { web: 2 },
  verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
  description: 'Deploy c0ffee00',
  by: 'ann',
  createdAt: 2000,
  run: parseRunId(run),
})

const way: RunState[] = [
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

export async function advanceTo(store: Store, id: string, state: RunState): Promise<void> {
  for (const [index, to] of way.entries()) {
    const from = way[index - 1]
    if (from) await store.advanceRun(parseRunId(id), from, to, { reason: `now ${to}`, now: 1000 + index })
    if (to === state) return
  }
}

export function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  return assert.rejects(promise, error => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })
}

export function reveal(values: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.reveal()]))
}
