import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const path = relative => fileURLToPath(new URL(relative, import.meta.url))

/** What of Node itself a bundle has loaded when it ends. */
async function loadedBy(bundle, args) {
  const report =
    "import process from 'node:process'; process.once('exit', () => process.stderr.write('\\nloaded ' + process.moduleLoadList.join(',')))"
  const preload = `data:text/javascript,${encodeURIComponent(report)}`
  const { stderr } = await run(process.execPath, ['--import', preload, bundle, ...args], { env: {} }).catch(
    error => error,
  )
  return /\nloaded (.*)$/.exec(stderr)?.[1]?.split(',') ?? []
}

test('a bundle does not load what of node:http it does not use', async () => {
  await run(process.execPath, [path('bundle.mjs')])
  for (const [bundle, args] of [
    ['cli', ['--version']],
    ['keeper', []],
  ]) {
    const loaded = await loadedBy(path(`../dist/${bundle}.js`), args)
    assert.ok(loaded.includes('NativeModule http'), `${bundle} was not seen to load node:http`)
    assert.deepEqual(
      loaded.filter(name => name.includes('undici')),
      [],
    )
  }
})

test('the control plane prints its log and nothing else', async () => {
  await run(process.execPath, [path('bundle.mjs')])
  const { stdout } = await run(process.execPath, [path('../dist/server.js')], { env: {} }).catch(error => error)
  const lines = stdout.trimEnd().split('\n')
  assert.deepEqual(
    lines.map(line => Object.keys(JSON.parse(line)).slice(0, 2)),
    [['time', 'event']],
  )
})
