import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults } from './defaults.ts'
import { parseImageReference } from './names.ts'
import { readImage } from './release.ts'

const image = {
  reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'0'.repeat(64)}`),
  buildKey: 'k',
  processes: [],
  releaseCommand: null,
  settings: defaults.settings,
  layers: [],
}

test('an image of before stacks had names is read as one that says its stack and its method', () => {
  assert.deepEqual(readImage({ ...image, how: 'dockerfile' }), { ...image, stack: 'dockerfile', method: 'built' })
  assert.deepEqual(readImage({ ...image, how: 'node-built' }), { ...image, stack: 'node', method: 'built' })
  const assembled = { ...image, stack: 'node', method: 'assembled' } as const
  assert.deepEqual(readImage({ ...image, how: 'node-assembled' }), assembled)
  assert.deepEqual(readImage(assembled), assembled)
})
