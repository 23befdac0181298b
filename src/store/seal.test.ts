import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../core/secret.ts'
import { createSealer } from './seal.ts'

const dataKey = new Secret('5a'.repeat(32))
const sealer = createSealer(dataKey, 'config')

test('a sealed text opens with its key and context, and with nothing else', () => {
  const sealed = sealer.seal('shop v1 A', new Secret('grüß'))
  assert.equal(sealer.open('shop v1 A', sealed).reveal(), 'grüß')
  assert.throws(() => sealer.open('shop v1 B', sealed), /belongs elsewhere/)
  assert.throws(() => sealer.open('shop v1 A', sealed.slice(0, -2) + 'AA'), /damaged/)
  assert.throws(() => sealer.open('shop v1 A', sealed.slice(0, 20)), /damaged/)
  assert.throws(() => createSealer(new Secret('5b'.repeat(32)), 'config').open('shop v1 A', sealed), /data key/)
})

test('each purpose has its own key, and each seal its own nonce', () => {
  const sealed = sealer.seal('x', new Secret('same'))
  assert.notEqual(sealed, sealer.seal('x', new Secret('same')))
  assert.notEqual(createSealer(dataKey, 'snapshot').keyId, sealer.keyId)
  assert.ok(!sealed.includes('5a5a'))
})

test('a data key that is not one is refused', () => {
  for (const text of ['', 'abc', 'G'.repeat(64), '5a'.repeat(31)])
    assert.throws(() => createSealer(new Secret(text), 'config'), /32 bytes/)
})
