import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../core/secret.ts'
import { authorize } from './policy.ts'
import { rootAccess } from './principal.ts'
import { tokenAccess, tokenIn } from './tokens.ts'

const token = 'f'.repeat(64)
const access = tokenAccess([
  { name: 'owner', token: new Secret(token) },
  { name: 'ci', token: new Secret('0'.repeat(64)) },
])
const memberNamed = (name: string) => {
  const grants = [{ role: 'owner', app: null }]
  return { kind: 'member', name, grants, credential: { kind: 'token', id: 'file' } }
}
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test('a token is known as Bearer and as the password of Basic', () => {
  assert.deepEqual(access.authenticate(tokenIn(`Bearer ${token}`)), memberNamed('owner'))
  assert.deepEqual(access.authenticate(tokenIn(`bearer ${'0'.repeat(64)}`)), memberNamed('ci'))
  assert.deepEqual(access.authenticate(tokenIn(basic(`anybody:${token}`))), memberNamed('owner'))
})

test('anything else is no one', () => {
  for (const header of [
    null,
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${token}0`,
    `Bearer ${token.slice(1)}`,
    `Digest ${token}`,
  ])
    assert.equal(access.authenticate(tokenIn(header)), null)
  for (const text of ['', token, `${token}:`, `lading:${token} `, `lading:x:${token}`])
    assert.equal(access.authenticate(tokenIn(basic(text))), null)
})

test('a short token is refused at start', () => {
  assert.throws(() => tokenAccess([{ name: 'x', token: new Secret('secret') }]), /shorter than 32/)
})

test('only who comes through the socket is root, and nothing is known by it elsewhere', () => {
  assert.equal(rootAccess.authenticate(tokenIn(`Bearer ${token}`)), null)
  assert.equal(rootAccess.authenticate(null), null)
  assert.equal(access.authenticate({ kind: 'socket' }), null)
})

test('what stands in no line is denied, to root too', () => {
  const root = rootAccess.authenticate({ kind: 'socket' })
  authorize('GET /v1/apps', root)
  authorize('GET /v1/healthz', null)
  assert.throws(() => authorize('GET /v1/apps', null), { code: 'not-authenticated' })
  assert.throws(() => authorize('GET /v1/secrets', root), { code: 'not-allowed' })
  assert.throws(() => authorize('toString', root), { code: 'not-allowed' })
})
