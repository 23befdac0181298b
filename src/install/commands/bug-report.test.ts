import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mask, saidBy } from './bug-report.ts'

test('a bundle shows no secret: those of this machine, bearer tokens, passwords in URLs', () => {
  const text =
    'token s3cr3t-of-root; Authorization: Bearer abcdefgh12345678; Basic bGFkaW5nOngK; http://proxy:pw@host:3128 https://ok/x@y'
  const masked = 'token ***; Authorization: Bearer ***; Basic ***; http://proxy:***@host:3128 https://ok/x@y'
  assert.equal(mask(text, ['s3cr3t-of-root', '']), masked)
})

test('a program that does not end holds up no bundle, and what it said is in it', async () => {
  const said = await saidBy(
    [process.execPath, '-e', 'console.log("first"); setInterval(() => {}, 1000)'],
    new AbortController().signal,
    2_000,
  )
  assert.match(said, /^(first\n)?did not end within 2 s$/)
})
