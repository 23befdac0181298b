import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { Hono } from 'hono'
import type { ApiEnv } from '../api/parts.ts'
import { closeListener, Gate, openNetworkListener } from './listeners.ts'

const edge = { 'x-forwarded-proto': 'https', via: '1.1 lading' }

async function openListener(t: TestContext, url: string, status: 200 | 401 = 200) {
  const api = new Hono<ApiEnv>()
  api.all('*', c => c.text('reached', status))
  const gate = new Gate()
  gate.open()
  const listener = await openNetworkListener({ api, git: { handle: () => false }, port: 0, url, gate })
  t.after(() => closeListener(listener))
  return (listener.address() as AddressInfo).port
}

test('what the edge has not passed on is refused, whatever it says of itself, but for the question whether we are healthy', async t => {
  const port = await openListener(t, 'https://lading.example.com')
  const headers: readonly (readonly string[])[] = [
    [],
    ['x-forwarded-proto: https'],
    ['via: 1.1 lading'],
    ['x-forwarded-proto: https, http', 'via: 1.1 lading'],
    ['x-forwarded-proto: http', 'x-forwarded-proto: https', 'via: 1.1 lading'],
    ['x-forwarded-proto: HTTPS', 'via: 1.1 lading'],
    ['x-forwarded-proto:', 'via: 1.1 lading'],
    ['x_forwarded_proto: https', 'via: 1.1 lading'],
    ['forwarded: proto=https', 'via: 1.1 lading'],
    ['x-forwarded-proto: https', 'via: 1.1 lading, 1.1 other'],
  ]
  for (const lines of headers) {
    for (const path of ['/v1/apps', '/shop.git/info/refs?service=git-receive-pack', '/v1/healthz?', '//v1/healthz'])
      assert.match(await spoken(port, ['GET ' + path + ' HTTP/1.1', ...lines]), /^HTTP\/1.1 403 /, lines.join())
    assert.match(await spoken(port, ['GET /v1/healthz HTTP/1.1', ...lines]), /^HTTP\/1.1 (200|403) /)
  }
  assert.match(await spoken(port, ['GET /v1/healthz HTTP/1.1']), /^HTTP\/1.1 200 /)
  const through = ['x-forwarded-proto: https', 'via: 1.0 squid, 1.1 lading']
  assert.match(await spoken(port, ['GET /v1/apps HTTP/1.1', ...through]), /^HTTP\/1.1 200 /)
})

test('the body of who was not let in is not waited for', async t => {
  const port = await openListener(t, 'https://lading.example.com', 401)
  const through = ['x-forwarded-proto: https', 'via: 1.1 lading']
  for (const body of ['content-length: 1000000', 'transfer-encoding: chunked']) {
    // Ends by the other side alone: this one keeps its line open.
    const answer = await spoken(port, ['POST /v1/apps HTTP/1.1', body, ...through], { staysOpen: true })
    assert.match(answer, /^HTTP\/1.1 401 /)
  }
})

/** What is said until the line is closed. */
async function spoken(port: number, lines: readonly string[], { staysOpen = false } = {}): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  const head = [...lines, 'host: lading.example.com', ...(staysOpen ? [] : ['connection: close'])]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return text(socket)
}

test('what came to the edge in clear is refused before anybody looks at its token, but for names that stay here', async t => {
  const reached: string[] = []
  const api = new Hono<ApiEnv>()
  api.get('*', c => c.text(`reached ${reached.push(c.req.path)}`))
  const git = { handle: () => false }
  const gate = new Gate()
  gate.open()
  const ask = async (url: string, way: string) => {
    const listener = await openNetworkListener({ api, git, port: 0, url, gate })
    t.after(() => closeListener(listener))
    const { port } = listener.address() as AddressInfo
    return fetch(`http://127.0.0.1:${port}/v1/apps`, { headers: { 'x-forwarded-proto': way, via: '1.1 lading' } })
  }
  const clear = await ask('https://lading.example.com', 'http')
  assert.equal(clear.status, 403)
  assert.match(await clear.text(), /must not travel in clear. Use https:\/\/lading.example.com/)
  assert.deepEqual(reached, [])
  assert.equal((await ask('https://lading.example.com', 'https')).status, 200)
  assert.equal((await ask('http://lading.localhost', 'http')).status, 200)
})

test('while a control plane proves itself, callers wait, but for the question whether it is healthy', async t => {
  const api = new Hono<ApiEnv>()
  const reached: string[] = []
  api.get('*', c => c.text(`reached ${reached.push(c.req.path)}`))
  const gate = new Gate()
  const listener = await openNetworkListener({
    api,
    git: { handle: () => false },
    port: 0,
    url: 'https://l.example.com',
    gate,
  })
  t.after(() => closeListener(listener))
  const { port } = listener.address() as AddressInfo
  const ask = (path: string, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: edge, ...(signal && { signal }) })
  const arrived = once(listener, 'request')
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
