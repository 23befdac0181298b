import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultLimits } from '../../src/core/limits.ts'
import { buildLimits } from '../../src/build/builder/cage.ts'
import { explain } from '../../src/build/builder/failure.ts'
import { BuildProgress } from '../../src/build/builder/progress.ts'

const folder = join(import.meta.dirname, 'build-progress')

/** The lines as they are pushed, then the error's sentence, hint and last lines. */
function transcript(raw: Buffer): string {
  const lines: string[] = []
  const progress = new BuildProgress(line => lines.push(line))
  for (let at = 0; at < raw.length; at += 500) progress.push(raw.subarray(at, at + 500))
  progress.end()
  if (progress.words.some(line => line.startsWith('ERROR:'))) {
    const error = explain({
      isOwn: true,
      failed: progress.failed,
      lastLines: progress.lastLines,
      words: progress.words,
      memoryKills: 0,
      memoryLimitMet: false,
      processLimitMet: false,
      limits: buildLimits(defaultLimits),
    })
    lines.push(`! ${error.code}: ${error.message}`, ...error.details.map(line => `| ${line}`))
  }
  return lines.join('\n') + '\n'
}

for (const file of readdirSync(folder).filter(name => name.endsWith('.rawjson'))) {
  test(`progress of the build "${file.replace('.rawjson', '')}"`, () => {
    const expected = join(folder, file.replace('.rawjson', '.txt'))
    const actual = transcript(readFileSync(join(folder, file)))
    if (process.env['UPDATE_GOLDEN'] || !existsSync(expected)) writeFileSync(expected, actual)
    assert.equal(actual, readFileSync(expected, 'utf8'))
  })
}
