import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../core/secret.ts'
import { authorize } from './policy.ts'
import { rootAccess } from './principal.ts'
import { tokenAccess } from './tokens.ts'

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
  assert.deepEqual(access.authenticate(`Bearer ${token}`), memberNamed('owner'))
  assert.deepEqual(access.authenticate(`bearer ${'0'.repeat(64)}`), memberNamed('ci'))
  assert.deepEqual(access.authenticate(basic(`anybody:${token}`)), memberNamed('owner'))
})

test('anything else is nobody', () => {
  for (const header of [
    null,
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${token}0`,
    `Bearer ${token.slice(1)}`,
    `Digest ${token}`,
  ])
    assert.equal(access.authenticate(header), null)
  for (const text of ['', token, `${token}:`, `lading:${token} `, `lading:x:${token}`])
    assert.equal(access.authenticate(basic(text)), null)
})

test('a short token is refused at start', () => {
  assert.throws(() => tokenAccess([{ name: 'x', token: new Secret('secret') }]), /shorter than 32/)
})

test('what stands in no line is denied, to root too', () => {
  const root = rootAccess.authenticate(null)
  authorize('GET /v1/apps', root)
  authorize('GET /v1/healthz', null)
  assert.throws(() => authorize('GET /v1/apps', null), { code: 'not-authenticated' })
  assert.throws(() => authorize('GET /v1/secrets', root), { code: 'not-allowed' })
  assert.throws(() => authorize('toString', root), { code: 'not-allowed' })
})
