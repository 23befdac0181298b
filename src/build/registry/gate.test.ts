import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAppName } from '../../core/names.ts'
import { systemIds } from '../../core/system.ts'
import { memoryRegistry } from './memory-registry.ts'
import { RegistryGate, type Pass } from './gate.ts'
import { digestOf, Registry, type RegistryAddress } from './registry.ts'

const never = new AbortController().signal
const shop = parseAppName('shop')

async function gateway(registry?: RegistryAddress) {
  const folder = await mkdtemp(join(tmpdir(), 'lading-gate-'))
  const server = await memoryRegistry()
  const socketPath = join(folder, 'builder', 'registry.sock')
  const warnings: string[] = []
  const warn = (sentence: string) => void warnings.push(sentence)
  const gate = new RegistryGate({ registry: registry ?? server.address, socketPath, ids: systemIds, warn })
  await gate.open()
  const behind = new Registry(server.address)
  return {
    gate,
    behind,
    calls: server.calls,
    socketPath,
    warnings,
    /** What a client that shows this pass, or none, is answered. */
    async ask(pass: Pick<Pass, 'user' | 'password'> | null, call: string, body: Uint8Array | string = '') {
      const [method, path] = call.split(' ')
      const { promise, resolve, reject } = Promise.withResolvers<{ status: number; location: string; text: string }>()
      const auth = pass ? `${pass.user}:${pass.password.reveal()}` : undefined
      const request = httpRequest({ socketPath, method, path, ...(auth ? { auth } : {}), agent: false }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        const { location = '' } = response.headers
        response.once('end', () => resolve({ status: response.statusCode ?? 0, location, text }))
        response.once('error', reject)
      })
      request.once('error', reject)
      request.end(body)
      return promise
    },
    async [Symbol.asyncDispose]() {
      await gate.close()
      behind.close()
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

test('without the token of a running build there is no answer but how to ask', async () => {
  await using rig = await gateway()
  const pass = rig.gate.admit(shop)
  const made = { user: shop, password: rig.gate.admit(shop).password }
  assert.equal((await rig.ask(made, 'GET /v2/shop/manifests/1')).status, 404)
  pass[Symbol.dispose]()
  for (const stranger of [null, pass]) {
    const { status, text } = await rig.ask(stranger, 'GET /v2/shop/manifests/1')
    assert.equal(status, 401)
    assert.match(text, /"UNAUTHORIZED"/)
  }
  assert.deepEqual(rig.calls, ['GET /v2/shop/manifests/1'])
})

test('a build pushes a layer of many megabytes and an image that stands on one of the platform', async () => {
  await using rig = await gateway()
  using pass = rig.gate.admit(shop)
  const base = await rig.behind.putBlob('lading/node', Buffer.from('debian and node'), never)
  const mounted = await rig.ask(pass, `POST /v2/shop/blobs/uploads/?mount=${base.digest}&from=lading/node`)
  assert.equal(mounted.status, 201)
  const layer = Buffer.alloc(20 << 20, 'layer')
  const begun = await rig.ask(pass, 'POST /v2/shop/blobs/uploads/')
  const upload = new URL(begun.location).pathname
  const sent = await rig.ask(pass, `PATCH ${upload}?_state=x`, layer)
  const put = await rig.ask(pass, `PUT ${sent.location}&digest=${digestOf(layer)}`)
  assert.deepEqual([begun.status, sent.status, put.status], [202, 202, 201])
  const manifest = JSON.stringify({ config: { digest: digestOf(layer) }, layers: [{ digest: base.digest }] })
  assert.equal((await rig.ask(pass, 'PUT /v2/shop/manifests/k1', manifest)).status, 201)
  assert.equal((await rig.behind.getManifest('shop', 'k1', never))?.bytes.toString(), manifest)
})

test("another app's image is neither read nor taken from nor replaced", async () => {
  await using rig = await gateway()
  using pass = rig.gate.admit(shop)
  const secret = await rig.behind.putBlob('blog', Buffer.from('secret'), never)
  rig.calls.length = 0
  for (const call of [
    `GET /v2/blog/blobs/${secret.digest}`,
    'PUT /v2/blog/manifests/1',
    'PUT /v2/lading/node/manifests/1',
    'GET /v2/_catalog',
  ]) {
    const { status, text } = await rig.ask(pass, call, 'x'.repeat(1000))
    assert.equal(status, 403, call)
    assert.match(text, /"DENIED".*a build of shop/)
  }
  assert.deepEqual(rig.calls, [])
  const wish = await rig.ask(pass, `POST /v2/shop/blobs/uploads/?mount=${secret.digest}&from=blog`)
  assert.equal(wish.status, 202)
  assert.equal((await rig.ask(pass, `GET /v2/shop/blobs/${secret.digest}`)).status, 404)
})

test('a registry that is away is said to the build, and the gate stays open', async () => {
  await using rig = await gateway({ socketPath: join(tmpdir(), 'lading-no-registry.sock') })
  using pass = rig.gate.admit(shop)
  assert.equal((await rig.ask(pass, 'GET /v2/')).status, 503)
  assert.equal((await rig.ask(pass, 'GET /v2/')).status, 503)
  assert.equal(rig.warnings.length, 2)
})

test('the socket is its own process’s alone, and takes the place of one that was left', async () => {
  await using rig = await gateway()
  assert.equal((await stat(rig.socketPath)).mode & 0o777, 0o600)
  const { socketPath } = rig
  const next = new RegistryGate({ registry: { socketPath }, socketPath, ids: systemIds, warn: () => undefined })
  await next.open()
  await next.open()
  assert.equal((await rig.ask(null, 'GET /v2/')).status, 401)
  await next.close()
})
