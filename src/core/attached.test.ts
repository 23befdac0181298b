import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachedIn, attachedText, serviceObject, servicesKey } from './attached.ts'
import { parseServiceName } from './names.ts'
import { Secret } from './secret.ts'

test('what a config says of services is read as it was written, whatever the names', () => {
  const all = ['db', 'reports-2'].map((name, at) => ({
    object: serviceObject(parseServiceName(name), `3f2a9c1${at}`),
    user: `a_${at}`,
  }))
  const text = attachedText(all)
  assert.equal(text, 'db-3f2a9c10/a_0,reports-2-3f2a9c11/a_1')
  assert.deepEqual(attachedIn({ [servicesKey]: new Secret(text) }), all)
  assert.deepEqual(attachedIn({}), [])
  assert.equal(attachedText([]), null)
})

test('a word that names no service is refused', () => {
  assert.throws(() => attachedIn({ [servicesKey]: new Secret('db') }), /names no service/)
})
