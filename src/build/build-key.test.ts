import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildKey, type BuildKeyParts } from './build-key.ts'

const parts: BuildKeyParts = {
  tree: 'a'.repeat(40),
  stack: 'dockerfile',
  method: 'built',
  dockerfile: 'FROM debian:trixie\n',
  bases: { 'debian:trixie': 'sha256:1', 'node:24': 'sha256:2' },
  config: { registry: 'https://registry.npmjs.org' },
  platform: 'linux/amd64',
}

test('the key is 64 hex digits and does not depend on the order of its parts', () => {
  const other = { ...parts, bases: { 'node:24': 'sha256:2', 'debian:trixie': 'sha256:1' } }
  assert.match(buildKey(parts), /^[0-9a-f]{64}$/)
  assert.equal(buildKey(other), buildKey(parts))
})

test('every part changes the key', () => {
  const changed: BuildKeyParts[] = [
    { ...parts, tree: 'b'.repeat(40) },
    { ...parts, stack: 'node' },
    { ...parts, stack: 'node', method: 'assembled' },
    { ...parts, dockerfile: null },
    { ...parts, bases: { ...parts.bases, 'node:24': 'sha256:3' } },
    { ...parts, config: {} },
    { ...parts, platform: 'linux/arm64' },
  ]
  const keys = new Set([parts, ...changed].map(buildKey))
  assert.equal(keys.size, changed.length + 1)
})
