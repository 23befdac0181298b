import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mask } from './bug-report.ts'

test('a bundle shows no secret: those of this machine, bearer tokens, passwords in URLs', () => {
  const text =
    'token s3cr3t-of-root; Authorization: Bearer abcdefgh12345678; Basic bGFkaW5nOngK; http://proxy:pw@host:3128 https://ok/x@y'
  const masked = 'token ***; Authorization: Bearer ***; Basic ***; http://proxy:***@host:3128 https://ok/x@y'
  assert.equal(mask(text, ['s3cr3t-of-root', '']), masked)
})
