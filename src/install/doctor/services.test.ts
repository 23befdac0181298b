import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GiB, MiB } from '../../lib/format.ts'
import { findingsOf, type DescribedService } from './services.ts'

const roomy = { folder: '/var/lib/docker', used: 10 * GiB, free: 90 * GiB }
const service: DescribedService = {
  name: 'cache',
  state: 'ready',
  reason: '',
  up: true,
  bytes: 100 * MiB,
  connections: 79,
  limits: { bytes: 160 * MiB, connections: 100 },
}
const found = (change: Partial<DescribedService>, disk = roomy) =>
  findingsOf([{ ...service, ...change }], disk).map(({ what }) => what)

test('a service below 80 % of what it may have is well, and so is one without a limit of its own', () => {
  assert.deepEqual(found({}), [])
  assert.deepEqual(found({ bytes: 500 * GiB, limits: { bytes: null, connections: 100 } }), [])
  assert.deepEqual(found({ bytes: null, connections: null }), [])
})

test('at 80 % of its bytes or its connections the owner is told which', () => {
  assert.match(found({ bytes: 128 * MiB })[0] ?? '', /^cache has 0\.13 GiB of the 0\.16 GiB .* writes are refused$/)
  assert.deepEqual(found({ connections: 80 }), ['cache has 80 of 100 connections'])
})

test('one that takes no connections is told with its reason; one that is being made or destroyed is not', () => {
  assert.deepEqual(found({ up: false, reason: 'its data are gone' }), ['cache takes no connections: its data are gone'])
  assert.deepEqual(found({ up: false, state: 'creating' }), [])
  assert.deepEqual(found({ up: false, state: 'destroyed' }), [])
})

test('a disk that is full to 80 % is told where services have their data, and not without any', () => {
  const full = { ...roomy, used: 80 * GiB, free: 20 * GiB }
  assert.match(found({}, full)[0] ?? '', /is full to 80 %/)
  assert.deepEqual(findingsOf([], full), [])
})
