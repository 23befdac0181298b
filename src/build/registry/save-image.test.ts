import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDigest, parseImageReference } from '../../core/names.ts'
import { manifestBytes } from './image-document.ts'
import { memoryRegistry } from './memory-registry.ts'
import { manifestType, Registry } from './registry.ts'
import { saveImage } from './save-image.ts'
import { readTar } from '../../core/tar.ts'

const never = new AbortController().signal
const hex = (digest: string) => digest.slice('sha256:'.length)

test('an image comes as docker load takes it, as long as was said; a layer that is in it twice comes once', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  const [config, one, two] = [
    await registry.putBlob('shop', Buffer.from('{"config":{}}'), never),
    await registry.putBlob('shop', Buffer.alloc(1000, 1), never),
    await registry.putBlob('shop', Buffer.alloc(512, 2), never),
  ]
  const manifest = { mediaType: manifestType, bytes: manifestBytes(config, [one, two, one]) }
  const digest = await registry.putManifest('shop', 'x', manifest, never)
  const image = parseImageReference(`127.0.0.1:5443/shop@${digest}`)

  const { bytes, chunks } = await saveImage(registry, { image, name: 'localhost/shop:v7' }, never)
  const tar = Buffer.concat(await Array.fromAsync(chunks))
  assert.equal(tar.length, bytes)
  const files = new Map<string, Buffer>()
  for await (const entry of readTar(oneChunk(tar)))
    files.set(entry.path, Buffer.concat(await Array.fromAsync(entry.body)))
  const layers = [one, two, one].map(layer => `${hex(layer.digest)}.tar.gz`)
  const list: unknown = JSON.parse(files.get('manifest.json')?.toString() ?? '')
  assert.deepEqual(list, [{ Config: `${hex(config.digest)}.json`, RepoTags: ['localhost/shop:v7'], Layers: layers }])
  assert.equal(files.size, 4)
  assert.equal(files.get(`${hex(config.digest)}.json`)?.toString(), '{"config":{}}')
  assert.deepEqual(files.get(layers[0]!), Buffer.alloc(1000, 1))
  registry.close()
})

test('an image that is not there is not found; a blob that is shorter than its manifest says ends the tar', async () => {
  await using server = await memoryRegistry()
  const registry = new Registry(server.address)
  const absent = parseImageReference(`127.0.0.1:5443/shop@sha256:${'0'.repeat(64)}`)
  const name = 'localhost/shop:v7'
  await assert.rejects(saveImage(registry, { image: absent, name }, never), { code: 'not-found' })

  const blob = await registry.putBlob('shop', Buffer.from('short'), never)
  const lying = { mediaType: manifestType, bytes: manifestBytes(blob, [{ ...blob, size: 6 }]) }
  const digest = parseDigest((await registry.putManifest('shop', 'x', lying, never)) ?? '')
  const image = parseImageReference(`127.0.0.1:5443/shop@${digest}`)
  const { chunks } = await saveImage(registry, { image, name }, never)
  await assert.rejects(Array.fromAsync(chunks), /gave 5 bytes of .*, which has 6/)
  registry.close()
})

async function* oneChunk(bytes: Uint8Array) {
  await Promise.resolve()
  yield bytes
}
