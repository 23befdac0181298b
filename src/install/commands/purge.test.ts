import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ourImages } from './purge.ts'

test('images of the platform and of its registry are ours; those of another registry on the loopback are not', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  const ours = [
    'lading/keeper:4f0c',
    `127.0.0.1:39413/lading/base@${digest}`,
    '127.0.0.1:39413/lading/node:4f0c',
    `127.0.0.1:5443/shop@${digest}`,
  ]
  const others = [
    '127.0.0.1:5000/shop:1',
    '127.0.0.1:54430/shop:1',
    'lading/of-someone:1',
    'debian:13',
    '<none>:<none>',
  ]
  assert.deepEqual(ourImages([...others, ...ours, '127.0.0.1:5443/shop@<none>']), ours)
})
