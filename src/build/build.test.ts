import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { defaultLimits, type Limits } from '../core/limits.ts'
import type { Clock } from '../core/clock.ts'
import { parseAppName, parseCommitId, parseImageReference, type CommitId } from '../core/names.ts'
import type { Image } from '../core/release.ts'
import type { CommitFolder } from '../commit/repository.ts'
import { systemClock } from '../core/system.ts'
import { ownMirrors } from './stacks/bases.ts'
import { createBuilder } from './build.ts'
import { writeTar } from './code-tar.ts'
import { manifestBytes, type ImageConfig, type Manifest } from './registry/image-document.ts'
import { memoryRegistry } from './registry/memory-registry.ts'
import { removeManifests } from './registry/retention.ts'
import { manifestType, Registry } from './registry/registry.ts'
import { ScriptedEngine, type ScriptedExec } from '../../test/doubles/scripted-engine.ts'
import { readTar } from '../core/tar.ts'

const never = new AbortController().signal
const shop = parseAppName('shop')

/** A repository whose commits are numbers. */
class Commits {
  readonly #commits = new Map<CommitId, ReadonlyMap<string, string>>()

  add(files: Readonly<Record<string, string>>): CommitId {
    const commit = parseCommitId(String(this.#commits.size + 1).padStart(40, '0'))
    this.#commits.set(commit, new Map(Object.entries(files)))
    return commit
  }

  #in(commit: CommitId, folder: string): (readonly [string, string])[] {
    const under = folder === '' ? '' : `${folder}/`
    const files = [...this.#commits.get(commit)!].filter(([path]) => path.startsWith(under))
    return files.map(([path, text]) => [path.slice(under.length), text])
  }

  readonly port = {
    archive: (_app: unknown, { commit, folder }: CommitFolder) => {
      const files = new Map(this.#in(commit, folder).map(([path, text]) => [path, Buffer.from(text)]))
      return writeTar({ files, stamp: { uid: 0, gid: 0, modified: 1 } })
    },
    readFile: async (_app: unknown, commit: CommitId, what: string | { readonly path: string }) => {
      const path = typeof what === 'string' ? what : what.path
      const text = this.#commits.get(commit)!.get(path)
      return text === undefined ? null : Buffer.from(text)
    },
    treeOf: async (_app: unknown, commit: CommitId, folder: string) => JSON.stringify(this.#in(commit, folder)),
    checkTree: async () => ({ paths: 0, bytes: 0, largest: 0, submodules: [] }),
    listTree: async (_app: unknown, commit: CommitId) =>
      [...this.#commits.get(commit)!.keys()].map(path => ({ path, kind: 'file' as const, id: '' })),
  }
}

/** Pushes an image to the registry as BuildKit would, and says so. */
async function succeed(registry: Registry, { command, stdin, write, end }: ScriptedExec): Promise<void> {
  if (command[0] !== 'lading-build') return end(0)
  await stdin
  const tag = command[3]!.split(':').at(-1)!
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
  }
  const stored = await registry.putBlob('shop', Buffer.from(JSON.stringify(config)), never)
  const layer = await registry.putBlob('shop', Buffer.from(`layer of ${tag}`), never)
  const digest = await registry.putManifest(
    'shop',
    tag,
    { mediaType: manifestType, bytes: manifestBytes(stored, [layer]) },
    never,
  )
  write(
    1,
    JSON.stringify({
      exit: 0,
      memoryHits: 0,
      memoryKills: 0,
      pidsPeak: 3,
      metadata: { 'containerimage.digest': digest },
    }),
  )
  end(0)
}

async function platform(onExec?: (exec: ScriptedExec) => void, clock: Clock = systemClock) {
  const folder = await mkdtemp(join(tmpdir(), 'lading-builder-'))
  const server = await memoryRegistry()
  const registry = new Registry(server.address)
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin', 'LANG=C.UTF-8'], Cmd: ['node'] },
    rootfs: { type: 'layers', diff_ids: [] },
  }
  const layer = await registry.putBlob('lading/node', Buffer.from('debian and node'), never)
  const stored = await registry.putBlob('lading/node', Buffer.from(JSON.stringify(config)), never)
  const manifest = { mediaType: manifestType, bytes: manifestBytes(stored, [layer]) }
  const node = parseImageReference(
    `127.0.0.1:5443/lading/node@${await registry.putManifest('lading/node', '1', manifest, never)}`,
  )
  const engine = new ScriptedEngine(onExec ?? (exec => void succeed(registry, exec)))
  const images = new Map<string, Image>()
  const room: { free: number; limits: Partial<Limits> } = { free: 10 * 1024 ** 3, limits: {} }
  const commits = new Commits()
  const builder = createBuilder({
    repositories: commits.port,
    store: {
      findImage: async (_app, key) => images.get(key) ?? null,
      saveImage: async (_app, image) => void images.set(image.buildKey, image),
    },
    engine,
    registry: server.address,
    gate: { socketPath: join(folder, 'registry.sock'), onNode: '/run/lading/builder/registry.sock' },
    builderImage: 'sha256:b',
    on: {
      base: node,
      node,
      nodeVersion: '24.21.0',
      policy: { mirrors: ownMirrors(node, node), outside: async () => false },
    },
    platform: 'linux/amd64',
    clock,
    ids: { hex: bytes => 'a'.repeat(2 * bytes) },
    limits: () => ({ ...defaultLimits, ...room.limits }),
    freeBytes: () => Promise.resolve(room.free),
    warn: sentence => assert.fail(sentence),
  })
  const said: string[] = []
  return {
    engine,
    commits,
    said,
    server,
    registry,
    builder,
    room,
    build: (commit: CommitId, signal = never) =>
      builder.build({ app: shop, commit, say: line => said.push(line) }, signal),
    async [Symbol.asyncDispose]() {
      await builder.stop(never)
      registry.close()
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

async function filesOf(archive: AsyncIterable<Uint8Array>): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for await (const entry of readTar(archive)) {
    if (entry.kind !== 'file') continue
    const parts: Uint8Array[] = []
    for await (const part of entry.body) parts.push(part)
    files[entry.path] = Buffer.concat(parts).toString()
  }
  return files
}

test('a Dockerfile is built once by the builder, then found by its key', async () => {
  const contexts: Record<string, string>[] = []
  const commands: (readonly string[])[] = []
  let finish: (exec: ScriptedExec) => void = () => undefined
  await using lading = await platform(exec => {
    commands.push(exec.command)
    void exec.stdin.then(async bytes =>
      contexts.push(
        await filesOf(
          (async function* () {
            yield bytes
          })(),
        ),
      ),
    )
    finish(exec)
  })
  finish = exec => void succeed(lading.registry, exec)
  const dockerfile = '# syntax=docker/dockerfile:1\nFROM node:24\n'
  const commit = lading.commits.add({ Dockerfile: dockerfile, Procfile: 'web: ./serve\nrelease: ./migrate\n' })
  const image = await lading.build(commit)
  assert.equal(image.stack, 'dockerfile')
  assert.deepEqual(image.processes, [{ type: 'web', command: './serve' }])
  assert.equal(image.releaseCommand, './migrate')
  assert.deepEqual(
    image.layers.map(layer => layer.isNew),
    [true],
  )
  assert.equal(contexts[0]!['build/Dockerfile'], "# BuildKit's own front end reads this file.\nFROM node:24\n")
  assert.equal(contexts[0]!['context/Dockerfile'], dockerfile)
  assert.ok(
    commands[0]!.some(one =>
      /^--build-context=node:24=docker-image:\/\/127.0.0.1:5443\/lading\/node@sha256:/.test(one),
    ),
  )
  const again = await lading.build(commit)
  assert.equal(again.reference, image.reference)
  assert.deepEqual(lading.engine.log, ['create', 'start', 'exec lading-build'])
})

test('the build keys of Dockerfile and Node apps stay: a platform that was upgraded builds nothing again', async () => {
  await using lading = await platform()
  const key = async (files: Readonly<Record<string, string>>) =>
    (await lading.build(lading.commits.add(files))).buildKey.slice(0, 12)
  const dependencies = { 'package.json': '{"main":"a.js","dependencies":{"ms":"2"}}', 'package-lock.json': '{}' }
  const keys = {
    dockerfile: await key({ Dockerfile: 'FROM node:24\n', Procfile: 'web: ./serve\n' }),
    assembled: await key({ ...dependencies, 'a.js': '1' }),
    built: await key({ 'package.json': '{"scripts":{"build":"node b.js"},"main":"a.js"}', 'a.js': '1', 'b.js': '1' }),
  }
  assert.deepEqual(keys, { dockerfile: '1e6b2e89a059', assembled: '638e1782df5a', built: 'fea7df0d9e9d' })
})

test('an image that the registry has lost is built again', async () => {
  await using lading = await platform()
  const commit = lading.commits.add({ Dockerfile: 'FROM node:24\n' })
  await lading.build(commit)
  for (const key of [...lading.server.manifests.keys()])
    if (key.startsWith('shop/')) lading.server.manifests.delete(key)
  await lading.build(commit)
  assert.equal(lading.engine.log.filter(line => line === 'exec lading-build').length, 2)
})

test('of a repository of two apps, root names the folder of this one: it is all that the image is made of', async () => {
  await using lading = await platform()
  const files = {
    'lading.yaml': 'root: { shop: server, shop-web: client }\n',
    Procfile: 'web: not this\n',
    'client/index.html': 'pages',
    'server/package.json': '{"main":"index.js"}',
    'server/index.js': '1',
    'server/Procfile': 'web: node index.js\n',
  }
  const image = await lading.build(lading.commits.add(files))
  assert.deepEqual(image.processes, [{ type: 'web', command: 'node index.js' }])
  const stored = await lading.registry.getManifest('shop', image.buildKey, never)
  const { digest } = (JSON.parse(stored!.bytes.toString()) as Manifest).layers.at(-1)!
  const layer = gunzipSync(await lading.registry.getBlob('shop', digest, never))
  const inside = await filesOf(Readable.from([layer]))
  assert.deepEqual(Object.keys(inside).sort(), ['app/Procfile', 'app/index.js', 'app/package.json'])

  const keyOf = async (changed: Readonly<Record<string, string>>) =>
    (await lading.build(lading.commits.add({ ...files, ...changed }))).buildKey
  assert.equal(await keyOf({ 'client/index.html': 'other pages' }), image.buildKey)
  assert.notEqual(await keyOf({ 'server/index.js': '2' }), image.buildKey)
  // It says how the app is run, and is not in the folder.
  assert.notEqual(await keyOf({ 'lading.yaml': `${files['lading.yaml']}memory: 1G\n` }), image.buildKey)
})

test('a Node app without dependencies never meets the builder', async () => {
  await using lading = await platform()
  const image = await lading.build(lading.commits.add({ 'package.json': '{}', 'server.js': '1' }))
  assert.deepEqual([image.stack, image.method], ['node', 'assembled'])
  assert.deepEqual(
    image.layers.map(layer => layer.isNew),
    [false, true],
  )
  assert.deepEqual(lading.engine.log, [])
  const stored = await lading.registry.getManifest('shop', image.buildKey, never)
  const manifest = JSON.parse(stored!.bytes.toString()) as Manifest
  const config = JSON.parse(
    (await lading.registry.getBlob('shop', manifest.config.digest, never)).toString(),
  ) as ImageConfig
  assert.equal(config.config.User, 'app')
  assert.deepEqual(config.config.Cmd, ['node', 'server.js'])
  assert.ok(config.config.Env?.includes('LANG=C.UTF-8') && config.config.Env.includes('NODE_ENV=production'))
})

test("a start script that needs a shell is web's command; one that needs none stays the image's own", async () => {
  await using lading = await platform()
  const processes = async (start: string) =>
    (await lading.build(lading.commits.add({ 'package.json': JSON.stringify({ scripts: { start } }) }))).processes
  assert.deepEqual(await processes('A=1 node a.js'), [{ type: 'web', command: 'A=1 node a.js' }])
  assert.deepEqual(await processes('node a.js'), [{ type: 'web', command: null }])
})

test('dependencies are built once per lock file; code goes on top without the builder', async () => {
  await using lading = await platform()
  const files = { 'package.json': '{"dependencies":{"ms":"2"}}', 'package-lock.json': '{}', 'server.js': '1' }
  const first = await lading.build(lading.commits.add(files))
  const second = await lading.build(lading.commits.add({ ...files, 'server.js': '2' }))
  assert.deepEqual(
    first.layers.map(layer => layer.isNew),
    [true, true],
  )
  assert.deepEqual(
    second.layers.map(layer => layer.isNew),
    [false, true],
  )
  assert.equal(second.layers[0]!.digest, first.layers[0]!.digest)
  await lading.build(lading.commits.add({ ...files, 'package-lock.json': '{"x":1}' }))
  assert.equal(lading.engine.log.filter(line => line === 'exec lading-build').length, 2)
})

test('static pages stand on a web server that is made once; their files have a time of their tree', async () => {
  await using lading = await platform()
  const timesOf = async (image: Image) => {
    const stored = await lading.registry.getManifest('shop', image.buildKey, never)
    const { layers } = JSON.parse(stored!.bytes.toString()) as Manifest
    const tar = gunzipSync(await lading.registry.getBlob('shop', layers.at(-1)!.digest, never))
    // Offset of the first header's time, in octal. Source: POSIX, "ustar Interchange Format".
    return Number.parseInt(tar.subarray(136, 147).toString(), 8)
  }
  const [one, two] = [
    await lading.build(lading.commits.add({ 'index.html': '<p>1' })),
    await lading.build(lading.commits.add({ 'index.html': '<p>2' })),
  ]
  assert.deepEqual([one.stack, one.method, two.stack, two.method], ['static', 'assembled', 'static', 'assembled'])
  assert.equal(lading.engine.log.filter(line => line === 'exec lading-build').length, 1)
  assert.deepEqual(
    two.layers.map(layer => layer.isNew),
    [false, true],
  )
  assert.notEqual(await timesOf(one), await timesOf(two))
})

test('dependencies that cannot be installed alone are built with the whole repository', async () => {
  const builds: Promise<Buffer>[] = []
  let finish: (exec: ScriptedExec) => void = () => undefined
  await using lading = await platform(exec => {
    if (exec.command[0] !== 'lading-build' || builds.push(exec.stdin) > 1) return finish(exec)
    exec.write(1, '{"exit":1,"memoryHits":0,"memoryKills":0,"pidsPeak":1,"metadata":null}')
    exec.end(0)
  })
  finish = exec => void succeed(lading.registry, exec)
  const files = { 'package.json': '{"dependencies":{"ms":"2"}}', 'package-lock.json': '{}', 'server.js': '1' }
  const { stack, method } = await lading.build(lading.commits.add(files))
  assert.deepEqual([stack, method], ['node', 'built'])
  const [alone, whole] = await Promise.all(
    builds.map(async stdin => (await filesOf(Readable.from([await stdin])))['build/Dockerfile']!),
  )
  assert.match(alone!, /^COPY package.json package-lock.json \.\/$/m)
  assert.match(whole!, /^COPY \. \.\nRUN .* npm ci --include=dev$/m)
})

test('a repository with nothing to build, and a lading.yaml that is wrong, say so before anything runs', async () => {
  await using lading = await platform()
  await assert.rejects(lading.build(lading.commits.add({ 'README.md': '' })), {
    code: 'build-failed',
    message: /nothing at the root of the repository says how it is built/,
  })
  await assert.rejects(lading.build(lading.commits.add({ 'lading.yaml': 'x: 1' })), {
    code: 'invalid-input',
    message: /line 1: x:/,
  })
  await assert.rejects(lading.build(lading.commits.add({ 'lading.yml': '', 'package.json': '{}', 'index.js': '' })), {
    code: 'invalid-input',
    message: /must be called lading.yaml/,
  })
  await assert.rejects(lading.build(lading.commits.add({ Dockerfile: 'FROM a:1' })), {
    message: /base image a:1 is not to be had/,
  })
  assert.deepEqual(lading.engine.log, [])
})

test('an abort ends the tree in the builder before it rejects with its reason', async () => {
  const controller = new AbortController()
  await using lading = await platform(exec => {
    if (exec.command[0] === 'lading-build') controller.abort(new Error('superseded by a newer push'))
    else exec.end(0)
  })
  await assert.rejects(
    lading.build(lading.commits.add({ Dockerfile: 'FROM node:24' }), controller.signal),
    /superseded by a newer/,
  )
  assert.deepEqual(lading.engine.log, ['create', 'start', 'exec lading-build', 'exec lading-build-cancel'])
})

test('a tree that does not end is ended with the whole builder', async () => {
  const controller = new AbortController()
  await using lading = await platform(exec => {
    if (exec.command[0] === 'lading-build') controller.abort(new Error('cancelled'))
    else exec.end(1)
  })
  await assert.rejects(lading.build(lading.commits.add({ Dockerfile: 'FROM node:24' }), controller.signal), /cancelled/)
  assert.deepEqual(lading.engine.log.slice(-2), ['kill', 'wait'])
})

test('a builder that dies during a build is a failure worth another try', async () => {
  let lost = true
  let finish: (exec: ScriptedExec) => void = () => undefined
  await using lading = await platform(exec => finish(exec))
  finish = exec => (lost ? lading.engine.die() : void succeed(lading.registry, exec))
  const commit = lading.commits.add({ Dockerfile: 'FROM node:24' })
  await assert.rejects(lading.build(commit), {
    code: 'unavailable',
    retryable: true,
    message: /stopped during the build/,
  })
  lost = false
  assert.equal((await lading.build(commit)).stack, 'dockerfile')
})

/** BuildKit tells of a step that runc could not start as of one that wrote this and exited 1. */
function cannotStart({ write, end }: ScriptedExec): void {
  const name = '[2/2] RUN make'
  const say = (report: unknown): void => write(2, `${JSON.stringify(report)}\n`)
  say({ vertexes: [{ digest: 'a', name, started: 'now' }] })
  const words = 'runc run failed: unable to start container process: read init-p: connection reset by peer\n'
  say({ logs: [{ vertex: 'a', data: Buffer.from(words).toString('base64') }] })
  const error = 'process "/bin/sh -c make" did not complete successfully: exit code: 1'
  say({ vertexes: [{ digest: 'a', name, started: 'now', completed: 'now', error }] })
  write(1, JSON.stringify({ exit: 1, memoryHits: 0, memoryKills: 0, pidsPeak: 3, metadata: null }))
  end(0)
}

test('a step that could not be started is tried once more, with the whole commit again', async () => {
  const contexts: Promise<Buffer>[] = []
  let finish: (exec: ScriptedExec) => void = () => undefined
  await using lading = await platform(exec => {
    contexts.push(exec.stdin)
    finish(exec)
  })
  finish = exec => (contexts.length === 1 ? cannotStart(exec) : void succeed(lading.registry, exec))
  const commit = lading.commits.add({ Dockerfile: 'FROM node:24\nRUN make' })
  assert.equal((await lading.build(commit)).stack, 'dockerfile')
  assert.match(lading.said.join('\n'), /RUN make could not be started: .*connection reset by peer; trying once more/)
  const [first, second] = await Promise.all(contexts)
  assert.deepEqual(first, second)
})

test('a step that cannot be started twice is a failure worth another try, and not the step’s', async () => {
  await using lading = await platform(cannotStart)
  await assert.rejects(lading.build(lading.commits.add({ Dockerfile: 'FROM node:24\nRUN make' })), {
    code: 'unavailable',
    retryable: true,
    message: /RUN make could not be started: unable to start container process/,
  })
  assert.equal(lading.engine.log.filter(line => line === 'exec lading-build').length, 2)
})

test('builds that an earlier control plane began are ended at the first use', async () => {
  await using lading = await platform()
  await lading.build(lading.commits.add({ Dockerfile: 'FROM node:24' }))
  const { container } = lading.engine
  await using next = await platform()
  next.engine.container = container
  await next.build(next.commits.add({ Dockerfile: 'FROM node:24' }))
  assert.deepEqual(next.engine.log, ['stop', 'start', 'exec lading-build'])
})

test('without builds for five minutes the builder is stopped', async () => {
  const naps: { ms: number; wake: () => void }[] = []
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        naps.push({ ms, wake: resolve })
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
  await using lading = await platform(undefined, clock)
  await lading.build(lading.commits.add({ Dockerfile: 'FROM node:24' }))
  const idle = naps.at(-1)!
  assert.equal(idle.ms, 300_000)
  idle.wake()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(lading.engine.log.at(-1), 'stop')
})

test('below its limit of free disk no build begins; what was built before is found', async () => {
  await using lading = await platform()
  const first = lading.commits.add({ Dockerfile: 'FROM node:24\n' })
  const image = await lading.build(first)
  lading.room.free = 0.4 * 1024 ** 3
  assert.equal((await lading.build(first)).reference, image.reference)
  const second = lading.commits.add({ Dockerfile: 'FROM node:24\nRUN ./more\n' })
  await assert.rejects(lading.build(second), {
    code: 'no-room',
    message: 'the disk has 0.40 GiB free, and builds stop below 1 GiB',
    hint: /lading doctor/,
  })
})

test('the registry has an image until it was removed', async () => {
  await using lading = await platform()
  const image = await lading.build(lading.commits.add({ Dockerfile: 'FROM node:24\n' }))
  assert.ok(await lading.builder.has(image.reference, never))
  await removeManifests(lading.registry, new Map(), never)
  assert.ok(!(await lading.builder.has(image.reference, never)))
})
