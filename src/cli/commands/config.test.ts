import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeTestApi } from '../../../test/doubles/api.ts'
import { CliRig } from '../../../test/doubles/cli-rig.ts'

test('a .env file is imported as it is meant, and config is changed in an editor', async t => {
  const rig = await CliRig.make()
  t.after(() => rig.close())
  const { api, call } = await makeTestApi()
  await rig.serveSocket(api)
  await call('POST', '/apps', { name: 'shop' })
  rig.environment['LADING_APP'] = 'shop'
  await writeFile(join(rig.work, '.env'), `export A="x y"\nB='1' # one\nC=3\n`)
  assert.deepEqual((await rig.lading(['config', 'import', '.env'])).err, '')
  assert.equal((await rig.lading(['config'])).out, 'A=x y\nB=1\nC=3\n')

  const editor = join(rig.folder, 'editor.cjs')
  rig.environment['EDITOR'] = `${process.execPath} ${editor} B=2`
  await writeFile(
    editor,
    `const [, , line, file] = process.argv, fs = require('fs')
     if ((fs.statSync(file).mode & 0o777) !== 0o600) process.exit(9)
     fs.writeFileSync('edited', file)
     fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^B=.*$/m, line).replace(/^C=.*\\n/m, ''))`,
  )
  assert.equal((await rig.lading(['config', 'edit'])).err, '')
  assert.equal((await rig.lading(['config'])).out, 'A=x y\nB=2\n')
  assert.equal((await rig.lading(['config', 'edit'])).out, 'Nothing changed.\n')
  assert.equal(existsSync(await readFile(join(rig.work, 'edited'), 'utf8')), false)

  rig.environment['EDITOR'] = `${process.execPath} ${editor} nonsense`
  assert.match((await rig.lading(['config', 'edit'])).err, /line 2 of what was saved is not KEY=value/)
  rig.environment['EDITOR'] = 'false'
  assert.match((await rig.lading(['config', 'edit'])).err, /false ended with code 1: nothing was changed/)
  rig.environment['EDITOR'] = 'no-such-editor'
  assert.match((await rig.lading(['config', 'edit'])).err, /no-such-editor cannot be started/)
  assert.equal((await rig.lading(['config'])).out, 'A=x y\nB=2\n')
})
