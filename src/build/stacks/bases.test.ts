import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { parseAppName, parseImageReference } from '../../core/names.ts'
import { chooseBases, ownMirrors } from './bases.ts'

const base = parseImageReference(`127.0.0.1:5443/lading/base@sha256:${'a'.repeat(64)}`)
const node = parseImageReference(`127.0.0.1:5443/lading/node@sha256:${'b'.repeat(64)}`)
const alone = { mirrors: ownMirrors(base, node), outside: async () => false }
const choose = async (name: string, policy = alone) =>
  (await chooseBases([{ name, line: 3 }], policy, parseAppName('blog')))[0]

const refused = (name: string, message: RegExp, policy = alone) =>
  assert.rejects(
    choose(name, policy),
    (error: unknown) => error instanceof AppError && error.code === 'build-failed' && message.test(error.message),
  )

test("with no other registry, names of Debian 13 and Node 24 stand for the platform's own images", async () => {
  for (const name of ['debian', 'debian:trixie-slim', 'debian:13.1', 'docker.io/library/debian:stable'])
    assert.equal((await choose(name))?.instead, base, name)
  for (const name of ['node:24', 'library/node:24-slim', 'node:24.3.0-trixie'])
    assert.equal((await choose(name))?.instead, node)
})

test('what no one has is refused at once, with its line', async () => {
  await refused('node:20', /^base image node:20 is not to be had: .* \(Dockerfile line 3\)$/)
  await refused('node:24-alpine', /is not to be had/)
  await refused('ghcr.io/a/b@sha256:c', /is not to be had/)
  await refused('node:24-slim@sha256:c', /is not to be had/)
})

test('with other registries at hand every image is the one that its name says', async () => {
  const open = { ...alone, outside: async () => true }
  for (const name of ['node:20', 'node:24', 'debian', 'node:24-slim@sha256:c'])
    assert.deepEqual(await choose(name, open), { name, instead: null })
})

test("images of the platform and of the app itself may be named, another app's may not", async () => {
  for (const name of [node, '127.0.0.1:5443/blog@sha256:c'])
    assert.deepEqual(await choose(name), { name, instead: null })
  for (const name of [
    '127.0.0.1:5443/shop:1',
    'localhost:5443/shop@sha256:c',
    '127.0.0.2:5443/shop',
    '[::1]:5443/shop',
    '127.0.0.1:5443/blog/shop:1',
    '127.0.0.1:5443/blogs',
  ])
    await refused(name, /is the image of another app/, { ...alone, outside: async () => true })
})
