import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../core/errors.ts'
import { dataKeyFor } from './trust.ts'

const code = '0123456789abcdef'.repeat(4)
const saysWhere = (code: string) => (error: AppError) =>
  error.code === code && /into \/etc\/lading\/recovery-code .* run "lading up"/.test(error.hint ?? '')

test('a database whose key is lost is not given a new one; the recovery code opens it', () => {
  assert.throws(() => dataKeyFor({ code: null, hasDatabase: true }), saysWhere('conflict'))
  assert.throws(() => dataKeyFor({ code: null, hasDatabase: true }), {
    hint: /Without it: "lading down --purge --yes"/,
  })
  assert.equal(dataKeyFor({ code, hasDatabase: true }), code)
  assert.throws(() => dataKeyFor({ code: code.slice(1), hasDatabase: true }), saysWhere('invalid-input'))
})

test('a first installation makes a key, and one that was killed takes the key that it made', () => {
  assert.match(dataKeyFor({ code: null, hasDatabase: false }), /^[0-9a-f]{64}$/)
  assert.equal(dataKeyFor({ code, hasDatabase: false }), code)
})
