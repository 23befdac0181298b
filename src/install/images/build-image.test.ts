import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOnThisMachine } from './build-image.ts'

test('a proxy on this machine is told from one elsewhere, with and without its scheme', () => {
  for (const proxy of [
    'http://127.0.0.1:3128',
    'localhost:3128/',
    'http://user:word@127.0.1.1:3128',
    'http://[::1]:3128/',
  ])
    assert.ok(isOnThisMachine(proxy), proxy)
  for (const proxy of ['http://192.0.2.7:3128', 'http://proxy.example:3128', 'proxy.example:3128', '', 'http://'])
    assert.ok(!isOnThisMachine(proxy), proxy)
})
