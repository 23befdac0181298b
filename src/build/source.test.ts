import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { parseAppName, parseImageReference } from '../core/names.ts'
import { type Bound, keepingFiles } from './files.ts'
import { readSource } from './source.ts'
import { chooseRecipe } from './stacks/stacks.ts'

/** A commit of these files, and what was read of it. */
function commitOf(texts: Readonly<Record<string, string>>) {
  const read: string[] = []
  const files = keepingFiles({
    text: async (path, { bytes, larger }: Bound) => {
      read.push(path)
      const text = texts[path] ?? null
      if (text !== null && text.length > bytes && larger === 'refused')
        throw new AppError('invalid-input', `${path} is larger than ${bytes} bytes`)
      return text?.slice(0, bytes) ?? null
    },
    paths: async () => new Set(Object.keys(texts)),
  })
  const image = parseImageReference(`127.0.0.1:5443/lading-base@sha256:${'0'.repeat(64)}`)
  const platform = {
    base: image,
    node: image,
    nodeVersion: '24.21.0',
    policy: { mirrors: {}, outside: async () => true },
  }
  return { read, recipe: async () => chooseRecipe(await readSource(parseAppName('shop'), files), platform) }
}

const ignored = async (texts: Readonly<Record<string, string>>) => {
  const recipe = await commitOf(texts).recipe()
  return recipe.method === 'built' ? recipe.dockerignore : assert.fail(recipe.title)
}

test('a file is bounded by what it is read for, and not by its name', async () => {
  const large = `FROM scratch\n#${'x'.repeat(defaults.dockerfileBytes)}`
  const named = { 'lading.yaml': 'dockerfile: deploy/image.txt\n', 'deploy/image.txt': large }
  await assert.rejects(commitOf(named).recipe(), /^AppError: deploy\/image.txt is larger than 262144 bytes$/)
  const lock = {
    'go.mod': 'module shop\n',
    'Dockerfile.go': `package main\n${large}`,
    'main.go': `package main\n${large}`,
  }
  assert.equal((await commitOf(lock).recipe()).stack, 'go')
})

test('what is ignored is what was looked at: the file of the Dockerfile, else that of the repository', async () => {
  const texts = { Dockerfile: 'FROM scratch\n', '.dockerignore': 'log\n' }
  assert.equal(await ignored({ Dockerfile: 'FROM scratch\n' }), null)
  assert.equal(await ignored(texts), 'log\n')
  assert.equal(await ignored({ ...texts, 'Dockerfile.dockerignore': '' }), '')
  const large = 'x'.repeat(defaults.dockerignoreBytes + 1)
  await assert.rejects(ignored({ ...texts, '.dockerignore': large }), /\.dockerignore is larger than 65536 bytes/)
  assert.equal(
    await ignored({ '.dockerignore': large, Dockerfile: 'FROM scratch\n', 'Dockerfile.dockerignore': 'a' }),
    'a',
  )
})

test('no file is read twice', async () => {
  const { read, recipe } = commitOf({ 'package.json': '{"scripts":{"start":"node ."}}', 'index.js': '' })
  await recipe()
  assert.deepEqual(read.toSorted(), [...new Set(read)].toSorted())
})
