import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from './errors.ts'
import { parseAppName, parseBranchName, parseConfigKey, parseHostName, parseProcessType } from './names.ts'

/** Each was a real advisory in a platform of this kind: text of a stored field that reached a shell. */
const hostile = [
  '',
  '$(touch M)',
  '`touch M`',
  "x'; touch M; '",
  'x; touch M',
  'x && touch M',
  'x|cat',
  'x&b',
  'x>f',
  'a\nid',
  '${IFS}',
  '--upload-pack=touch M',
  '-v',
  'x\0y',
  '%00',
  '%2e%2e%2f',
  '../x',
  'a b',
  'a*',
  'a~',
  'a{b}',
  '.a',
]

for (const [what, parse] of Object.entries({
  parseAppName,
  parseProcessType,
  parseHostName,
  parseConfigKey,
  parseBranchName,
})) {
  test(`${what} refuses what does not belong in a name`, () => {
    for (const text of hostile) {
      assert.throws(
        () => parse(text),
        (error: unknown) => error instanceof AppError && error.code === 'invalid-input',
        JSON.stringify(text),
      )
    }
  })
}

test('names that people use are taken', () => {
  for (const name of ['a', 'shop', 'my-shop-2']) assert.equal(parseAppName(name), name)
  for (const name of ['main', 'feature/x-1', 'release-1.2', 'dependabot/npm_and_yarn/a-1.0.0'])
    assert.equal(parseBranchName(name), name)
  for (const key of ['A', 'DATABASE_URL', '_x', 'lower']) assert.equal(parseConfigKey(key), key)
})

test('an app name has neither capitals nor underscores, nor a dash at its end', () => {
  for (const name of ['App', 'app_name', 'app-', 'a--b', '1app', 'a'.repeat(31)])
    assert.throws(() => parseAppName(name))
})

test('keys that the platform sets cannot be set', () => {
  for (const key of ['PORT', 'LADING_APP', '__x']) assert.throws(() => parseConfigKey(key))
})
