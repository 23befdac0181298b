import assert from 'node:assert/strict'
import { test } from 'node:test'
import { image, shop } from '../../test/doubles/api.ts'
import { parseProcessType, parseRunId } from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { liveLines } from './live-message.ts'

const release = (types: readonly string[], formation: Release['formation']): Release => ({
  ...shop,
  number: 1,
  image: { ...image, processes: types.map(type => ({ type: parseProcessType(type), command: null })) },
  commit: null,
  author: 'Ann',
  config: 1,
  formation,
  verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
  description: 'Deploy',
  by: 'ann',
  createdAt: 0,
  run: parseRunId('run00000001'),
})
const lines = (types: readonly string[], formation: Release['formation'] = {}) =>
  liveLines(release(types, formation), ['http://shop.localhost/'])

test('a release that answers says where, and which types have no process', () => {
  assert.deepEqual(lines(['web', 'jobs']), [
    '-----> v1 is live',
    '       http://shop.localhost/',
    '       jobs has no process: lading scale jobs=1',
  ])
  assert.deepEqual(lines(['web', 'jobs'], { web: 2, jobs: 1 }), ['-----> v1 is live', '       http://shop.localhost/'])
})

test('a release without a web process names no address', () => {
  assert.deepEqual(lines(['jobs']), ['-----> v1 is live', '       jobs has no process: lading scale jobs=1'])
  assert.deepEqual(lines(['jobs'], { jobs: 1 }), ['-----> v1 is live'])
  assert.deepEqual(lines(['web'], { web: 0 }), ['-----> v1 is live', '       web has no process: lading scale web=1'])
})
