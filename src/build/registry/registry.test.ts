import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDigest } from '../../core/names.ts'
import { manifestBytes } from './image-document.ts'
import { memoryRegistry } from './memory-registry.ts'
import { digestOf, manifestType, Registry } from './registry.ts'

const never = new AbortController().signal
const bytes = Buffer.from('a layer')
const absent = parseDigest(`sha256:${'0'.repeat(64)}`)

test('a blob is put once, and the second time it is not sent', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  assert.equal((await registry.putBlob('shop', bytes, never)).isNew, true)
  assert.equal((await registry.putBlob('shop', bytes, never)).isNew, false)
  assert.deepEqual(await registry.getBlob('shop', digestOf(bytes), never), bytes)
  assert.equal(server.calls.filter(call => call.startsWith('PUT')).length, 1)
  registry.close()
})

test('a streamed blob has its digest at the end; one that is there is not kept twice', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  async function* chunks() {
    for (const byte of bytes) yield Buffer.from([byte])
  }
  const first = await registry.streamBlob('shop', chunks(), never)
  assert.deepEqual(first, { digest: digestOf(bytes), size: bytes.length, isNew: true })
  assert.equal((await registry.streamBlob('shop', chunks(), never)).isNew, false)
  assert.ok(server.calls.includes('DELETE /v2/shop/blobs/uploads/1'))
  registry.close()
})

test('an error of the stream ends the upload with that error', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  async function* chunks() {
    yield bytes
    throw new Error('git has ended')
  }
  await assert.rejects(registry.streamBlob('shop', chunks(), never), /git has ended/)
  registry.close()
})

test('a blob is mounted from another repository, or not when that has none', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  const { digest } = await registry.putBlob('lading/node', bytes, never)
  assert.equal(await registry.mountBlob('shop', digest, 'lading/node', never), true)
  assert.equal((await registry.statBlob('shop', digest, never))?.size, bytes.length)
  assert.equal(await registry.mountBlob('shop', absent, 'lading/node', never), false)
  registry.close()
})

test('a manifest is found by tag and digest; one whose blobs are missing is not taken', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  const blob = await registry.putBlob('shop', bytes, never)
  const good = { mediaType: manifestType, bytes: manifestBytes(blob, [blob]) }
  const digest = await registry.putManifest('shop', 'one', good, never)
  assert.equal(digest, digestOf(good.bytes))
  assert.deepEqual((await registry.getManifest('shop', 'one', never))?.bytes, good.bytes)
  assert.equal((await registry.getManifest('shop', digest ?? '', never))?.digest, digest)
  assert.equal(await registry.getManifest('shop', 'two', never), null)
  assert.deepEqual(await registry.tags('shop', never), ['one'])
  const bad = { mediaType: manifestType, bytes: manifestBytes(blob, [{ digest: absent, size: 1 }]) }
  assert.equal(await registry.putManifest('shop', 'bad', bad, never), null)
  registry.close()
})

test('a registry that does not answer is unavailable and worth another try; an abort is its own reason', async () => {
  const registry = new Registry({ socketPath: '/nowhere/registry.sock' })
  await assert.rejects(registry.tags('shop', never), { code: 'unavailable', retryable: true })
  await assert.rejects(registry.tags('shop', AbortSignal.abort(new Error('superseded'))), /superseded/)
})
