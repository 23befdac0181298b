import assert from 'node:assert/strict'
import { test } from 'node:test'
import { puzzles } from '../../test/simulation/puzzles.ts'
import { AppError } from './errors.ts'
import {
  parseAppName,
  parseBranchName,
  parseCommitId,
  parseConfigKey,
  parseDigest,
  parseDomainName,
  parseEnvironmentName,
  parseHostName,
  parseNodeName,
  parseProcessType,
  parseRunId,
} from './names.ts'

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

test('of 10,000 texts no parser lets through what its allow-list has not, nor any with a line break', () => {
  const pieces = ['a', 'web', '1', '-', '.', '*', '_', '/', '@', '{', '\n', '\r', '\0', ' ', ';', '$', '..', '.lock', 'A', 'ä', '\u2028', 'xn--', ':', '%', 'sha256:', '0123456789abcdef'] // prettier-ignore
  const parsers: readonly (readonly [(text: string) => string, RegExp, number])[] = [
    [parseAppName, /^[a-z0-9-]+$/, 30],
    [parseEnvironmentName, /^[a-z0-9-]+$/, 20],
    [parseProcessType, /^[a-z0-9-]+$/, 20],
    [parseRunId, /^[a-z0-9]+$/, 26],
    [parseCommitId, /^[a-f0-9]+$/, 40],
    [parseDigest, /^[a-f0-9sha:]+$/, 71],
    [parseBranchName, /^[\w./@+-]+$/, 201],
    [parseConfigKey, /^\w+$/, 128],
    [parseHostName, /^[a-z0-9.-]+$/, 253],
    [parseDomainName, /^(\*\.)?[a-z0-9.-]+$/, 255],
    [parseNodeName, /^[a-z0-9.-]+$/, 63],
  ]
  let taken = 0
  for (const text of puzzles(pieces, 9))
    for (const part of [text, text.slice(0, 3), text.slice(-12)])
      for (const [parse, allowed, longest] of parsers) {
        try {
          assert.equal(parse(part), part)
        } catch (error) {
          assert.ok(error instanceof AppError && error.message.length < 800, JSON.stringify(part))
          continue
        }
        taken++
        assert.ok(allowed.test(part) && !/\s/.test(part) && part.length <= longest, JSON.stringify(part))
      }
  assert.ok(taken > 1000)
})
