import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Hono } from 'hono'
import type { ApiEnv } from '../api/parts.ts'
import { closeDoor, openNetworkDoor } from './doors.ts'

test('what came to the edge in clear is refused before anybody looks at its token, but for names that stay here', async t => {
  const reached: string[] = []
  const api = new Hono<ApiEnv>()
  api.get('*', c => c.text(`reached ${reached.push(c.req.path)}`))
  const git = { handle: () => false, start: async () => undefined, stop: async () => undefined }
  const ask = async (url: string, way: string) => {
    const door = await openNetworkDoor(api, git, 0, url)
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
