import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Hono } from 'hono'
import type { ApiEnv } from '../api/parts.ts'
import { closeDoor, Gate, openNetworkDoor } from './doors.ts'

test('what came to the edge in clear is refused before anybody looks at its token, but for names that stay here', async t => {
  const reached: string[] = []
  const api = new Hono<ApiEnv>()
  api.get('*', c => c.text(`reached ${reached.push(c.req.path)}`))
  const git = { handle: () => false }
  const gate = new Gate()
  gate.open()
  const ask = async (url: string, way: string) => {
    const door = await openNetworkDoor({ api, git, port: 0, url, gate })
    t.after(() => closeDoor(door))
    const { port } = door.address() as AddressInfo
    return fetch(`http://127.0.0.1:${port}/v1/apps`, { headers: { 'x-forwarded-proto': way } })
  }
  const clear = await ask('https://lading.example.com', 'http')
  assert.equal(clear.status, 403)
  assert.match(await clear.text(), /must not travel in clear. Use https:\/\/lading.example.com/)
  assert.deepEqual(reached, [])
  assert.equal((await ask('https://lading.example.com', 'https')).status, 200)
  assert.equal((await ask('http://lading.localhost', 'http')).status, 200)
})

test('while a control plane proves itself, whoever comes waits, but for the question whether it is healthy', async t => {
  const api = new Hono<ApiEnv>()
  const reached: string[] = []
  api.get('*', c => c.text(`reached ${reached.push(c.req.path)}`))
  const gate = new Gate()
  const door = await openNetworkDoor({ api, git: { handle: () => false }, port: 0, url: 'https://l.example.com', gate })
  t.after(() => closeDoor(door))
  const { port } = door.address() as AddressInfo
  const ask = (path: string, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}${path}`, signal === undefined ? {} : { signal })
  const arrived = once(door, 'request')
  const leaving = new AbortController()
  const leaves = ask('/v1/runs/r1', leaving.signal)
  const [{ socket }] = (await arrived) as [IncomingMessage]
  const left = once(socket, 'close')
  const waits = ask('/v1/apps')
  assert.equal((await ask('/v1/healthz')).status, 200)
  assert.deepEqual(reached, ['/v1/healthz'])
  leaving.abort()
  await assert.rejects(leaves)
  await left
  gate.open()
  assert.equal((await waits).status, 200)
  assert.equal((await ask('/v1/info')).status, 200)
  assert.deepEqual(reached, ['/v1/healthz', '/v1/apps', '/v1/info'])
})
