import assert from 'node:assert/strict'
import { existsSync, writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AppError } from '../../src/core/errors.ts'
import { parseAppName } from '../../src/core/names.ts'
import { keepingFiles } from '../../src/build/files.ts'
import { readSource } from '../../src/build/source.ts'
import { describe } from '../../src/build/stacks/describe.ts'
import { layouts } from './stacks/layouts.ts'

/** Files in, plan out. A new case is a new entry of layouts.ts; run with UPDATE_GOLDEN=1, and read what was written. */
for (const [name, files] of Object.entries(layouts)) {
  test(`what is made of "${name}"`, async () => {
    const expected = join(import.meta.dirname, 'stacks', `${name}.txt`)
    const actual = await described(files)
    if (process.env['UPDATE_GOLDEN'] || !existsSync(expected)) writeFileSync(expected, actual)
    assert.equal(actual, readFileSync(expected, 'utf8'))
  })
}

async function described(files: Readonly<Record<string, string>>): Promise<string> {
  try {
    const source = await readSource(
      parseAppName('shop'),
      keepingFiles({
        text: path => Promise.resolve(files[path] ?? null),
        paths: () => Promise.resolve(new Set(Object.keys(files))),
      }),
    )
    const { dockerfile, notes, ignored, processes, release, ...what } = await describe(source, '24.21.0')
    return [
      what.found,
      `${what.stack}, ${what.method}: ${what.title}`,
      ...notes.map(note => `- ${note}`),
      ...ignored.map(other => `Left aside: ${other}`),
      ...Object.entries(processes).map(([type, command]) => `${type}: ${command ?? "the image's own command"}`),
      ...(release === null ? [] : [`release: ${release}`]),
      '',
      dockerfile,
    ].join('\n')
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return `! ${error.message}\n  ${error.hint}\n`
  }
}
