import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { defaultLimits } from '../../src/core/limits.ts'
import { ownMirrors } from '../../src/build/stacks/bases.ts'
import { createBuilder } from '../../src/build/build.ts'
import { BuilderContainer } from '../../src/build/builder/container.ts'
import { RegistryGate } from '../../src/build/registry/gate.ts'
import { runBuild } from '../../src/build/builder/run-build.ts'
import { Registry } from '../../src/build/registry/registry.ts'
import { parseAppName, parseCommitId, parseImageReference, type CommitId } from '../../src/core/names.ts'
import type { Image } from '../../src/core/release.ts'
import { systemClock, systemIds } from '../../src/core/system.ts'
import { DockerHttp } from '../../src/docker/http.ts'

/**
 * The real builder on a real engine. LADING_BUILD_TEST is JSON: { engine, registry } sockets as this process sees them,
 * gate { socketPath, onNode } the builder's gate as this process and as the engine's host sees it, images { base, node }
 * by digest and builder by id, and dns if needed.
 */
interface Where {
  readonly engine: string
  readonly registry: string
  readonly gate: { readonly socketPath: string; readonly onNode: string }
  readonly images: { readonly base: string; readonly node: string; readonly builder: string }
  readonly dns?: readonly string[]
}
const where = process.env['LADING_BUILD_TEST'] ? (JSON.parse(process.env['LADING_BUILD_TEST']) as Where) : null
const options = { skip: where === null ? 'LADING_BUILD_TEST names no engine' : false }
const never = new AbortController().signal
const folders: string[] = []
const stops: (() => Promise<void>)[] = []
after(() => Promise.all(stops.map(stop => stop())))
after(() => folders.forEach(folder => rmSync(folder, { recursive: true })))

function run(folder: string, ...command: string[]): Buffer {
  const [program = '', ...args] = command
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, maxBuffer: 1 << 28 })
  assert.equal(status, 0, stderr?.toString())
  return stdout
}

/** A folder with a repository in it. */
function repository() {
  const folder = mkdtempSync(join(tmpdir(), 'lading-build-'))
  folders.push(folder)
  const git = (...args: string[]) => run(folder, 'git', '-c', 'user.name=t', '-c', 'user.email=t@t', ...args)
  git('init', '-q')
  return {
    folder,
    commit(files: Readonly<Record<string, string>>): CommitId {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeFileSync(join(folder, path), text)
      }
      git('add', '-A')
      git('commit', '-q', '--allow-empty', '-m', 'c')
      return parseCommitId(git('rev-parse', 'HEAD').toString().trim())
    },
    port: {
      archive: async function* (_app: unknown, commit: CommitId) {
        yield git('archive', '--format=tar', commit)
      },
      readFile: async (_app: unknown, commit: CommitId, what: string | { readonly path: string }) => {
        const path = typeof what === 'string' ? what : what.path
        const { status, stdout } = spawnSync('git', ['show', `${commit}:${path}`], { cwd: folder })
        return status === 0 ? stdout : null
      },
      treeOf: async (_app: unknown, commit: CommitId) => git('rev-parse', `${commit}^{tree}`).toString().trim(),
      checkTree: async () => ({ paths: 0, bytes: 0, largest: 0, submodules: [] }),
      listTree: async (_app: unknown, commit: CommitId) =>
        git('ls-tree', '-r', '--name-only', commit)
          .toString()
          .trim()
          .split('\n')
          .map(path => ({ path, kind: 'file' as const, id: '' })),
    },
  }
}

function builderOf({ port }: ReturnType<typeof repository>) {
  const { engine, registry, gate, images, dns } = where!
  const [base, node] = [images.base, images.node].map(parseImageReference)
  const builder = createBuilder({
    repositories: port,
    store: { findImage: async () => null, saveImage: async () => undefined },
    engine: new DockerHttp({ socketPath: engine }),
    registry: { socketPath: registry },
    gate,
    builderImage: images.builder,
    on: {
      base: base!,
      node: node!,
      nodeVersion: process.versions.node,
      policy: { mirrors: ownMirrors(base!, node!), outside: async () => false },
    },
    ...(dns ? { dns } : {}),
    platform: 'linux/amd64',
    clock: systemClock,
    ids: systemIds,
    limits: () => defaultLimits,
    freeBytes: () => Promise.resolve(Infinity),
    warn: sentence => assert.fail(sentence),
  })
  // Also after a failure: its gate would hold this process.
  stops.push(() => builder.stop(never))
  return builder
}

/** Owner, mode, size, time and name of everything below /app, layer upon layer. */
async function treeOf(image: Image): Promise<readonly string[]> {
  const registry = new Registry({ socketPath: where!.registry })
  const files = new Map<string, string>()
  for (const layer of image.layers) {
    // Piece by piece: what is read as a whole may only be as large as a document.
    const input = Buffer.concat(await Array.fromAsync(registry.readBlob('tree', parseLayer(layer.digest), never)))
    const { stdout } = spawnSync('tar', ['-tvz', '--numeric-owner', '--full-time'], { input, maxBuffer: 1 << 28 })
    for (const line of stdout.toString().split('\n')) {
      const [, facts, path] = /^(.*\d\d:\d\d:\d\d) (app\/.*)$/.exec(line) ?? []
      if (facts && path) files.set(path, facts.replace(/ +/g, ' '))
    }
  }
  registry.close()
  return [...files].map(([path, facts]) => `${path} ${facts}`).sort()
}
const parseLayer = (digest: string) => digest as Parameters<Registry['readBlob']>[1]

test(
  'an assembled app has the same files as one that was built, and shares its dependencies bit for bit',
  options,
  async () => {
    const source = repository()
    const builder = builderOf(source)
    const pkg = { name: 'tree', version: '1.0.0', main: 'server.js', dependencies: { ms: '2.1.3', semver: '7.7.2' } }
    const commit = (more: object) => {
      source.commit({
        'package.json': JSON.stringify({ ...pkg, ...more }),
        'server.js': '1',
        'bin/run': '#!/bin/sh\n',
        'a/b/c': '',
      })
      run(source.folder, 'npm', 'install', '--package-lock-only', '--ignore-scripts')
      return source.commit({})
    }
    symlinkSync('a/b', join(source.folder, 'link'))
    const build = (id: CommitId) =>
      builder.build({ app: parseAppName('tree'), commit: id, say: () => undefined }, never)
    const assembled = await build(commit({}))
    // An own install script that does nothing is what forces the other way; it is in two files.
    const built = await build(commit({ scripts: { prepare: 'true' } }))
    await builder.stop(never)
    assert.deepEqual([assembled.method, built.method], ['assembled', 'built'])
    assert.deepEqual([assembled.stack, built.stack], ['node', 'node'])
    const [one, other] = await Promise.all([treeOf(assembled), treeOf(built)])
    const same = (lines: readonly string[]) => lines.filter(line => !/^app\/package(-lock)?\.json /.test(line))
    assert.ok(one.length > 50)
    assert.deepEqual(same(one), same(other))
    assert.ok(built.layers.some(layer => layer.digest === assembled.layers.at(-2)?.digest))
  },
)

test(
  'a build that eats memory is named, one that forks without end is caged, an abort leaves no process',
  options,
  async () => {
    const source = repository()
    const builder = builderOf(source)
    const build = (app: string, step: string, signal = never, say: (line: string) => void = () => undefined) =>
      builder.build(
        { app: parseAppName(app), commit: source.commit({ Dockerfile: `FROM node:24\nRUN ${step}\n` }), say },
        signal,
      )
    await assert.rejects(build('hog', 'node -e "for(const a=[];;)a.push(Buffer.alloc(1<<24,1))"; exit 7'), {
      code: 'build-out-of-memory',
      message: /exited 7: it needs more memory than a build has/,
    })
    await assert.rejects(build('bomb', 'b() { b | b & }; b; sleep 4; exit 8'), { hint: /limit of 1792 processes/ })
    const controller = new AbortController()
    const begun = (line: string) => line.trim() === 'begun' && controller.abort(new Error('superseded'))
    await assert.rejects(
      build('gone', 'setsid sleep 1000 & echo begun; sleep 1000', controller.signal, begun),
      /superseded/,
    )
    await builder.stop(never)
  },
)

test("a build reads its own app's images and no other app's, whichever way it asks", options, async () => {
  const source = repository()
  const builder = builderOf(source)
  const said: string[] = []
  const build = (app: string, ...lines: string[]) => {
    const commit = source.commit({ Dockerfile: `${lines.join('\n')}\n`, 'secret.txt': 'of the owner' })
    said.length = 0
    return builder.build({ app: parseAppName(app), commit, say: line => said.push(line) }, never)
  }
  const { reference } = await build('owner', 'FROM node:24', 'COPY secret.txt /secret.txt')
  const again = await build('owner', 'FROM node:24', `COPY --from=${reference} /secret.txt /again.txt`)
  assert.match(again.reference, /^127\.0\.0\.1:5443\/owner@sha256:/)
  // Named in the Dockerfile: refused before anything runs.
  for (const step of [
    `COPY --from=${reference} /secret.txt /`,
    `RUN --mount=from=${reference},target=/o cp /o/secret.txt /`,
  ])
    await assert.rejects(build('thief', 'FROM node:24', step), {
      code: 'build-failed',
      message: /owner@sha256:[0-9a-f]+ is the image of another app \(Dockerfile line 2\)$/,
    })
  // The builder's own client fetches ADD, so it reaches the registry's listener; it has no token to show.
  const [, repositoryOfOwner = '', digest = ''] = /5443\/(.*)@(.*)$/.exec(reference) ?? []
  for (const path of ['_catalog', `${repositoryOfOwner}/tags/list`, `${repositoryOfOwner}/manifests/${digest}`])
    await assert.rejects(build('thief', 'FROM node:24', `ADD http://127.0.0.1:5443/v2/${path} /`), { message: /401/ })
  // A step runs in a network of its own, where nothing listens.
  const ask =
    "fetch('http://127.0.0.1:5443/v2/_catalog').then(a=>console.log('answered',a.status),e=>console.log(e.cause.code))"
  await build('thief', 'FROM node:24', `RUN node -e "${ask}"`)
  assert.match(said.join('\n'), /ECONNREFUSED/)
  await builder.stop(never)
})

test('the builder and the gate refuse, each by itself, what no Dockerfile of an app can name', options, async () => {
  const { engine, registry, gate, images, dns } = where!
  const source = repository()
  const commit = source.commit({ Dockerfile: 'FROM node:24\nCOPY secret.txt /secret.txt\n', 'secret.txt': 'x' })
  const { reference } = await builderOf(source).build(
    { app: parseAppName('owner'), commit, say: () => undefined },
    never,
  )
  await stops.pop()!()
  const warn = (sentence: string) => assert.fail(sentence)
  const cage = { image: images.builder, gateSocket: gate.onNode, ...(dns ? { dns } : {}) }
  const container = new BuilderContainer({
    engine: new DockerHttp({ socketPath: engine }),
    clock: systemClock,
    cage,
    limits: () => defaultLimits,
    warn,
  })
  const registryGate = new RegistryGate({
    registry: { socketPath: registry },
    socketPath: gate.socketPath,
    ids: systemIds,
    warn,
  })
  stops.push(async () => {
    await container.stop(never)
    await registryGate.close()
  })
  await registryGate.open()
  using pass = registryGate.admit(parseAppName('thief'))
  /** What the policy allows is the app's; what the gate allows is the pass's. */
  const steal = (app: string, from: string, tag = 'thief') =>
    container.use(
      () =>
        runBuild(
          {
            id: systemIds.hex(8),
            app: parseAppName(app),
            tells: null,
            dockerfile: `FROM ${from}\nLABEL a=b\n`,
            dockerignore: null,
            context: { files: new Map([['x', Buffer.from('x')]]) },
            instead: {},
            secrets: {},
            pass,
            tag: `127.0.0.1:5443/${tag}:1`,
            say: () => undefined,
          },
          { container, clock: systemClock, timeLimit: 120_000 },
          never,
        ),
      never,
    )
  const theOwners = { code: 'build-failed', message: /owner@sha256:[0-9a-f]+ is the image of another app/ }
  await assert.rejects(steal('thief', reference), theOwners)
  await assert.rejects(steal('owner', reference), theOwners)
  await assert.rejects(steal('thief', images.node, 'owner'), /denied|another app|403/)
  await steal('thief', images.node)
})

/** Prints where it listens and that it reaches itself there; then it waits, and says who came. */
const LISTENER = `
  const server = require('net').createServer(socket => console.log('met', socket.remoteAddress)).listen(9000, '::', () => {
    const all = Object.values(require('os').networkInterfaces()).flat().filter(one => !one.internal)
    const to = all.map(({ address, scopeid }) => scopeid ? address + '%eth0' : address)
    require('net').connect(9000, to[0]).on('connect', () => console.log('listens', to.join(' ')))
  })
`
/** What becomes of a connection to each of these; and of what needs a capability that a step does not have. */
const INTRUDER = `
  const reach = host => new Promise(done => {
    const socket = require('net').connect({ host, port: 9000, timeout: 2000 })
    const end = word => { socket.destroy(); done(host + ' ' + word) }
    socket.on('connect', () => end('open')).on('timeout', () => end('closed')).on('error', () => end('closed'))
  })
  Promise.all(process.argv.slice(1).map(reach)).then(all => console.log('reached', all.join(', ')))
`
/** A raw packet, a raw ICMP socket, a device node, io_uring (425): whether each is had. Perl is in every Debian. */
const POWERS = `
  my $none = "\\0" x 120;
  sub say { print $_[0], $_[1] ? " had\\n" : " refused\\n" }
  say("packet", socket(P, 17, 3, 0x0300));
  say("icmp", socket(I, 2, 3, 1));
  say("node", system("mknod", "/node", "b", "8", "1") == 0);
  say("uring", syscall(425, 8, $none) >= 0);
`

test('steps of two builds never meet, and have no powers to make each other out', options, async t => {
  const source = repository()
  const builder = builderOf(source)
  const build = (app: string, words: readonly string[], say: (line: string) => void, signal = never) => {
    const commit = source.commit({
      Dockerfile: `FROM node:24\nENV NONCE=${systemIds.hex(4)}\nRUN ${JSON.stringify(words)}\n`,
    })
    return builder.build({ app: parseAppName(app), commit, say }, signal)
  }
  const { promise: listens, resolve: heard } = Promise.withResolvers<readonly string[]>()
  const over = new AbortController()
  const end = () => over.abort(new Error('the other one is done'))
  t.after(end)
  const said: string[] = []
  const hear = (line: string) => {
    said.push(line)
    const [, addresses] = /listens (.*)/.exec(line) ?? []
    if (addresses !== undefined) heard(addresses.trim().split(' '))
  }
  const standing = assert.rejects(build('stander', ['node', '-e', LISTENER], hear, over.signal), /other one is done/)
  const addresses = await Promise.race([listens, standing.then(() => [])])
  const answers: string[] = []
  await build('intruder', ['node', '-e', INTRUDER, ...addresses], line => answers.push(line.trim()))
  await build('intruder', ['perl', '-e', POWERS], line => answers.push(line.trim()))
  end()
  await standing
  const closed = addresses.map(address => `${address} closed`).join(', ')
  assert.ok(answers.includes(`reached ${closed}`), answers.join('\n'))
  assert.deepEqual(
    answers.filter(line => /^(packet|icmp|node|uring) /.test(line)),
    ['packet refused', 'icmp refused', 'node refused', 'uring refused'],
  )
  // Itself, and no one else.
  assert.equal(said.filter(line => line.includes('met ')).length, 1, said.join('\n'))
  await builder.stop(never)
})
