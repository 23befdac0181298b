import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { parseAppName, type Digest } from '../../core/names.ts'
import type { EngineCall, EngineHttp } from '../builder/engine-http.ts'
import { memoryRegistry } from './memory-registry.ts'
import { manifestType, Registry } from './registry.ts'
import { isCollecting, removeFromEngine, removeManifests, type WantedImages } from './retention.ts'

const never = new AbortController().signal
const shop = parseAppName('shop')
const blog = parseAppName('blog')

async function stocked() {
  const server = await memoryRegistry()
  const registry = new Registry(server.address)
  const put = async (repository: string, tag: string, ...layers: string[]): Promise<Digest> => {
    const config = await registry.putBlob(repository, Buffer.from(`config of ${tag}`), never)
    const blobs = await Promise.all(layers.map(layer => registry.putBlob(repository, Buffer.from(layer), never)))
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: blobs }))
    const digest = await registry.putManifest(repository, tag, { mediaType: manifestType, bytes }, never)
    assert.ok(digest)
    return digest
  }
  return {
    registry,
    put,
    tags: (repository: string) => registry.tags(repository, never),
    async [Symbol.asyncDispose]() {
      registry.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('manifests that no one wants go; dependencies that a wanted image stands on stay', async () => {
  await using registry = await stocked()
  await registry.put('shop', 'old', 'node', 'deps 1', 'code 1')
  const wanted = await registry.put('shop', 'new', 'node', 'deps 2', 'code 2')
  await registry.put('shop', 'deps-1', 'node', 'deps 1')
  await registry.put('shop', 'deps-2', 'node', 'deps 2')
  const images: WantedImages = new Map([[shop, new Set([wanted])]])
  assert.equal(await removeManifests(registry.registry, images, never), 2)
  assert.deepEqual((await registry.tags('shop')).toSorted(), ['deps-2', 'new'])
  assert.equal(await removeManifests(registry.registry, images, never), 0)
})

test('a wanted image keeps all its tags; an app that is gone keeps nothing; one that builds keeps all; so does the platform', async () => {
  await using registry = await stocked()
  const wanted = await registry.put('shop', 'a', 'code')
  await registry.put('gone', 'b', 'code')
  await registry.put('blog', 'c', 'code')
  await registry.put('lading/node', 'd', 'node')
  const images: WantedImages = new Map([
    [shop, new Set([wanted])],
    [blog, null],
  ])
  assert.equal(await removeManifests(registry.registry, images, never), 1)
  assert.deepEqual(await Promise.all(['shop', 'gone', 'blog', 'lading/node'].map(registry.tags)), [
    ['a'],
    [],
    ['c'],
    ['d'],
  ])
})

const digest = (letter: string) => `sha256:${letter.repeat(64)}` as Digest

function engineWith(names: readonly (readonly string[] | null)[], refuses: readonly string[] = []) {
  const removed: string[] = []
  const engine: Pick<EngineHttp, 'json'> = {
    async json({ method, path }: EngineCall) {
      await Promise.resolve()
      if (method === 'GET') return names.map(RepoDigests => ({ RepoDigests }))
      if (refuses.some(name => path.endsWith(name))) throw new AppError('conflict', 'a container uses it')
      removed.push(path)
      return null
    },
  }
  return { engine: engine as EngineHttp, removed }
}

test("only apps' images of our registry go from an engine, and only those that no one wants", async () => {
  const { engine, removed } = engineWith([
    [`127.0.0.1:5443/shop@${digest('a')}`],
    [`127.0.0.1:5443/shop@${digest('b')}`, `docker.io/library/nginx@${digest('b')}`],
    [`127.0.0.1:5443/lading/node@${digest('c')}`],
    [`ghcr.io/shop@${digest('d')}`, `127.0.0.1:5000/shop@${digest('d')}`],
    [`127.0.0.1:5443/blog@${digest('e')}`],
    null,
  ])
  const wanted: WantedImages = new Map([
    [shop, new Set([digest('a')])],
    [blog, null],
  ])
  assert.equal(await removeFromEngine(engine, wanted, never), 1)
  assert.deepEqual(removed, [`/images/127.0.0.1:5443/shop@${digest('b')}`])
})

test('an image that a container still has stays, and is no error', async () => {
  const names = ['a', 'b'].map(letter => [`127.0.0.1:5443/shop@${digest(letter)}`])
  const { engine, removed } = engineWith(names, [digest('a')])
  assert.equal(await removeFromEngine(engine, new Map(), never), 1)
  assert.deepEqual(removed, [`/images/127.0.0.1:5443/shop@${digest('b')}`])
})

test('a collector that someone has begun is seen by what runs in the registry, not by who has asked for it', async () => {
  const running = (execs: Readonly<Record<string, object>>): EngineHttp => {
    const answers: Readonly<Record<string, unknown>> = {
      '/containers/json': [{ Id: 'registry' }],
      '/containers/registry/json': { ExecIDs: Object.keys(execs).length > 0 ? Object.keys(execs) : null },
      ...Object.fromEntries(Object.entries(execs).map(([id, exec]) => [`/exec/${id}/json`, exec])),
    }
    return { json: ({ path }: EngineCall) => Promise.resolve(answers[path]) } as unknown as EngineHttp
  }
  const view = (Running: boolean, ...words: string[]) => ({ Running, ProcessConfig: { arguments: words } })
  assert.ok(!(await isCollecting(running({}), never)))
  assert.ok(!(await isCollecting(running({ a: view(true, '-l'), b: view(false, 'garbage-collect', 'x') }), never)))
  assert.ok(await isCollecting(running({ a: view(true), b: view(true, 'garbage-collect', 'x') }), never))
})
