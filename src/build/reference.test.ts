import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { defaultsReference, ladingYamlReference } from './reference.ts'

const written = (name: string) => readFile(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8')

test('docs/reference/lading-yaml.md says what the schema says', async () => {
  assert.equal(await written('lading-yaml.md'), ladingYamlReference())
})

test('docs/reference/defaults.md says what the code reads', async () => {
  assert.equal(await written('defaults.md'), defaultsReference())
})
