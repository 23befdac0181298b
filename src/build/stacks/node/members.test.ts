import assert from 'node:assert/strict'
import { test } from 'node:test'
import { membersOf } from './members.ts'

const filesOf = (texts: Readonly<Record<string, string>>) => ({
  text: (path: string) => Promise.resolve(texts[path] ?? null),
  paths: () => Promise.resolve(new Set(Object.keys(texts))),
})
const server = JSON.stringify({ scripts: { start: 'node server.js' } })

test('in a workspace, a package.json that is none starts nothing and refuses nothing', async () => {
  const files = filesOf({ 'packages/api/package.json': server, 'test/broken/package.json': '{' })
  assert.deepEqual(await membersOf({ workspaces: ['packages/*'] }, files), [
    { folder: 'packages/api', script: 'node server.js' },
  ])
})

test('where there is no workspace, packages below the root are not read', async () => {
  const files = filesOf({ 'examples/one/package.json': server })
  const read: string[] = []
  const text = (path: string) => files.text((read.push(path), path))
  assert.deepEqual(await membersOf({}, { ...files, text }), [])
  assert.deepEqual(read, [])
})
