import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { Secret } from '../core/secret.ts'
import { DockerHttp } from './http.ts'
import { renewPullTokens } from './update-service.ts'

test('services get another pull token with their spec as it is, again when Swarm wrote in between', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'update-service-'))
  const spec = {
    Name: 'l-shop-production-v1-web',
    Labels: { 'lading.role': 'process' },
    Mode: {},
    TaskTemplate: { x: 1 },
  }
  const updates: { version: string | null; auth: unknown; body: unknown }[] = []
  let version = 7
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://engine')
    const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body))
    if (url.pathname === '/version') return answer(200, { ApiVersion: '1.45' })
    if (url.pathname.endsWith('/services')) return answer(200, [{ ID: 'id', Version: { Index: version }, Spec: spec }])
    if (request.method === 'GET') return answer(200, { ID: 'id', Version: { Index: version }, Spec: spec })
    void json(request).then(body => {
      const auth = JSON.parse(
        Buffer.from(String(request.headers['x-registry-auth']), 'base64url').toString(),
      ) as unknown
      updates.push({ version: url.searchParams.get('version'), auth, body })
      if (version++ === 7) answer(500, { message: 'rpc error: update out of sequence' })
      else answer(200, {})
    })
  })
  const socketPath = join(folder, 'docker.sock')
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  t.after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const count = await renewPullTokens(
    new DockerHttp({ socketPath }),
    () => new Secret('another'),
    new AbortController().signal,
  )
  const auth = { username: 'engine', password: 'another', serveraddress: '127.0.0.1:5443' }
  assert.equal(count, 1)
  assert.deepEqual(updates, [
    { version: '7', auth, body: spec },
    { version: '8', auth, body: spec },
  ])
})
