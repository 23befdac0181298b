import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askedVersion } from './asked-version.ts'

const asked = (files: Readonly<Record<string, string>>) =>
  askedVersion({ text: path => Promise.resolve(files[path] ?? null), paths: () => Promise.resolve(new Set()) })

test('versions are read as nvm, nodenv and asdf write them', async () => {
  assert.deepEqual(await asked({ '.nvmrc': 'v20.11.1\n' }), { file: '.nvmrc', text: 'v20.11.1', major: '20' })
  assert.equal((await asked({ '.nvmrc': 'lts/Jod' }))?.major, '22')
  assert.equal((await asked({ '.node-version': '18' }))?.major, '18')
  assert.equal((await asked({ '.tool-versions': 'python 3.12\nnodejs 22.1.0\n' }))?.major, '22')
})

test('what any version is, asks for none', async () => {
  for (const text of ['lts/*', 'node', 'stable', '']) assert.equal(await asked({ '.nvmrc': text }), null)
})
