import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { edgePaths } from '../proxy/haproxy/files.ts'
import { openOccupantsSocket, showRouter } from './router-socket.ts'

const root = mkdtempSync(join(tmpdir(), 'lading-router-door-'))
const paths = edgePaths(join(root, 'state'), root)
after(() => rmSync(root, { recursive: true }))

async function call(method: string, path: string): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const outgoing = request({ socketPath: paths.occupantsSocket, method, path }, response => {
    let body = ''
    response.on('data', bytes => (body += String(bytes)))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
  })
  outgoing.on('error', reject)
  outgoing.end()
  return promise
}

test("the follower's socket names occupants, takes containers to slow down, and lets no one further: neither to the engine nor to the edge", async () => {
  await showRouter(paths, 3)
  assert.deepEqual(JSON.parse(readFileSync(paths.newestRouter, 'utf8')), { runtimeSocket: paths.routerSocket(3) })
  const braked: string[] = []
  const brake = (container: string) => void braked.push(container)
  const first = await openOccupantsSocket(paths.occupantsSocket, 1, { occupants: () => ({ 'h1/s1': 'old' }), brake })
  const second = await openOccupantsSocket(paths.occupantsSocket, 2, {
    occupants: () => ({ 'h1/s1': 'container' }),
    brake,
  })
  first.close()
  try {
    assert.equal(statSync(paths.occupantsSocket).mode & 0o777, 0o600)
    assert.deepEqual(await call('GET', '/edge/tenants'), { status: 200, body: '{"h1/s1":"container"}\n' })
    const others = ['/engine/containers/json', '/health', '/edge/state', '/edge/tenants/', '/engine/../edge/tenants']
    for (const path of others) assert.equal((await call('GET', path)).status, 404, path)
    for (const method of ['PUT', 'POST', 'DELETE'])
      assert.equal((await call(method, '/edge/tenants')).status, 404, method)
    assert.equal((await call('PUT', `/brakes/${'a'.repeat(64)}`)).status, 204)
    for (const path of ['/brakes/web', '/brakes/', `/brakes/${'a'.repeat(64)}/../x`])
      assert.equal((await call('PUT', path)).status, 404, path)
    assert.deepEqual(braked, ['a'.repeat(64)])
  } finally {
    second.close()
  }
})
