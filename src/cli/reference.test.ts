import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { reference } from './reference.ts'

test('docs/reference/cli.md says what the program says', async () => {
  assert.equal(await readFile(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8'), reference())
})

test('every command has an example', () => {
  for (const section of reference().split('\n### ').slice(1)) assert.match(section, /\nExamples?:\n {2}\$ /, section)
})
