import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { showNewest } from './registry-socket.ts'

const root = mkdtempSync(join(tmpdir(), 'lading-registry-door-'))
const servers = new Set<Server>()
after(() => {
  for (const server of servers) server.close()
  rmSync(root, { recursive: true, force: true })
})

let own: string
let shown: string
let folders = 0
beforeEach(() => {
  const run = join(root, String(++folders))
  mkdirSync(join(run, 'registry'), { recursive: true })
  own = join(run, 'registry', 'registry.sock')
  shown = join(run, 'registry.sock')
})

/** As the registry does: what is there is removed when it is a socket, then bound. `age` in seconds. */
async function registry(name: string, path: string, age: number): Promise<Server> {
  rmSync(path, { force: true })
  const server = createServer(socket => socket.end(name))
  servers.add(server)
  await once(server.listen(path), 'listening')
  const made = Date.now() / 1000 - age
  utimesSync(path, made, made)
  return server
}

async function whoAnswers(): Promise<string> {
  const socket = connect(shown)
  let said = ''
  socket.on('data', bytes => (said += String(bytes)))
  await once(socket, 'close')
  return said
}

test('the socket in the folder of the registry is shown under its old name, each time it is made again', async () => {
  await showNewest(own, shown)
  assert.throws(() => statSync(shown))
  await registry('first', own, 60)
  await showNewest(own, shown)
  await showNewest(own, shown)
  assert.equal(await whoAnswers(), 'first')
  await registry('second', own, 30)
  await showNewest(own, shown)
  assert.equal(await whoAnswers(), 'second')
})

test('it takes the place of the socket of a registry from before there was a folder', async () => {
  await registry('before', shown, 60)
  await registry('now', own, 30)
  await showNewest(own, shown)
  assert.equal(await whoAnswers(), 'now')
})

test('on the way back a registry from before finds a socket that it can remove, and keeps its own', async () => {
  const now = await registry('now', own, 60)
  await showNewest(own, shown)
  // It is gone, and has taken its name in the folder along.
  await once(now.close(), 'close')
  rmSync(own, { force: true })
  assert.equal(lstatSync(shown).isSocket(), true)
  await registry('before', shown, 30)
  await showNewest(own, shown)
  assert.equal(await whoAnswers(), 'before')
})

test('a socket that a killed registry has left in its folder does not push out one that was made since', async () => {
  await registry('killed', own, 60)
  await registry('before', shown, 30)
  await showNewest(own, shown)
  assert.equal(await whoAnswers(), 'before')
})
