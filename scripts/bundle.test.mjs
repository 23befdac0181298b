import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** The checkout may be someone else's: the bundles are made in a folder of the test, which sees the packages. */
let folder
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lading-bundles-'))
  await symlink(path('../node_modules'), join(folder, 'node_modules'))
  await run(process.execPath, [path('bundle.mjs'), folder])
})
after(() => rm(folder, { recursive: true }))

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
  for (const [bundle, args] of [
    ['cli', ['--version']],
    ['keeper', []],
  ]) {
    const loaded = await loadedBy(join(folder, `${bundle}.js`), args)
    assert.ok(loaded.includes('NativeModule http'), `${bundle} was not seen to load node:http`)
    assert.deepEqual(
      loaded.filter(name => name.includes('undici')),
      [],
    )
  }
})

test('the control plane prints its log and nothing else', async () => {
  const { stdout } = await run(process.execPath, [join(folder, 'server.js')], { env: {} }).catch(error => error)
  const lines = stdout.trimEnd().split('\n')
  assert.deepEqual(
    lines.map(line => Object.keys(JSON.parse(line)).slice(0, 2)),
    [['time', 'event']],
  )
})
