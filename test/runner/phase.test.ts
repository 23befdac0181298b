import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { cleanEnvironment } from './environment.ts'
import type { FileResult } from './phase.ts'

/** What the runner makes of a fixture: in a process of its own, for Node runs no test files from within one. */
async function ran(t: TestContext, fixture: string): Promise<FileResult> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-phase-'))
  t.after(() => rm(folder, { recursive: true }))
  const answer = join(folder, 'results.json')
  const program = [import.meta.resolve('./fixtures/run-files.ts'), import.meta.resolve(`./fixtures/${fixture}.ts`)]
  const [runner, file] = program.map(url => new URL(url).pathname)
  await promisify(execFile)(
    process.execPath,
    [...process.execArgv.filter(it => !it.startsWith('--test')), runner!, answer, file!],
    {
      env: cleanEnvironment(process.env),
    },
  )
  const results = JSON.parse(await readFile(answer, 'utf8')) as FileResult[]
  assert.equal(results.length, 1)
  return results[0]!
}

test('a file whose tests pass has passed', async t => {
  const { failed, passed, firstFailure } = await ran(t, 'passes')
  assert.deepEqual({ failed, passed, firstFailure }, { failed: 0, passed: 1, firstFailure: null })
})

test('a file whose hook fails after its tests have passed has failed, and says of what', async t => {
  const { failed, firstFailure } = await ran(t, 'hook-fails')
  assert.equal(failed, 1)
  assert.match(firstFailure ?? '', /the rig could not be taken down/)
})

test('a file whose process ends with an error after its tests have passed has failed', async t => {
  const { failed, firstFailure } = await ran(t, 'process-fails')
  assert.equal(failed, 1)
  assert.match(firstFailure ?? '', /exit|code/i)
})
