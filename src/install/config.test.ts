import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { checkout } from './paths.ts'

/** What a call into `src/install` returns, in a process of its own with this environment. */
function resultOf(module: string, call: string, environment: Record<string, string>): unknown {
  const url = pathToFileURL(join(checkout, 'src/install', module)).href
  const program = `const module = await import('${url}'); console.log(JSON.stringify(await module.${call}))`
  const options = { env: environment, encoding: 'utf8' } as const
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', program], options))
}

/** A folder with programs in it, each a script of these lines. */
async function folderOf(t: TestContext, programs: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-programs-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`)
    await chmod(join(folder, name), 0o755)
  }
  return folder
}

test("a program finds root's folders where PATH leaves them out, after its own", async t => {
  const folder = await folderOf(t, { tellPath: 'echo "$PATH"' })
  const run = "runProgram('tellPath', [], {}, new AbortController().signal)"
  const result = resultOf('host/run-program.ts', run, { PATH: `${folder}:/usr/bin:/bin` })
  assert.deepEqual(String(result).split(delimiter), [
    folder,
    '/usr/bin',
    '/bin',
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/sbin',
  ])
})

test('the programs of sbin are run from a crontab, and from nowhere', () => {
  const run = "runProgram('ldconfig', ['--version'], {}, new AbortController().signal)"
  for (const environment of [{ PATH: '/usr/bin:/bin' }, {}])
    assert.match(String(resultOf('host/run-program.ts', run, environment)), /^ldconfig /)
})

test('an apt of another language answers in English, whatever LANGUAGE is', async t => {
  const folder = await folderOf(t, { 'apt-get': 'echo "$LC_ALL $LANGUAGE."' })
  const run = "runApt('apt-get', ['update'], () => {}, new AbortController().signal)"
  const german = { PATH: `${folder}:/usr/bin:/bin`, LANG: 'de_DE.UTF-8', LANGUAGE: 'de:fr', LC_ALL: 'de_DE.UTF-8' }
  assert.equal(resultOf('host/apt.ts', run, german), 'C.UTF-8 .')
})
