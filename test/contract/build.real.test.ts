import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { ownMirrors } from '../../src/build/bases.ts'
import { createBuilder } from '../../src/build/build.ts'
import { Registry } from '../../src/build/registry.ts'
import { parseAppName, parseCommitId, parseImageReference, type CommitId } from '../../src/core/names.ts'
import type { Image } from '../../src/core/release.ts'
import { systemClock, systemIds } from '../../src/core/system.ts'
import { DockerHttp } from '../../src/docker/http.ts'

/**
 * The real builder on a real engine. LADING_BUILD_TEST is JSON: { engine, registry } sockets as this process sees them,
 * registrySocket as the engine's host does, images { base, node } by digest and builder by id, and dns if needed.
 */
interface Where {
  readonly engine: string
  readonly registry: string
  readonly registrySocket: string
  readonly images: { readonly base: string; readonly node: string; readonly builder: string }
  readonly dns?: readonly string[]
}
const where = process.env['LADING_BUILD_TEST'] ? (JSON.parse(process.env['LADING_BUILD_TEST']) as Where) : null
const options = { skip: where === null ? 'LADING_BUILD_TEST names no engine' : false }
const never = new AbortController().signal
const folders: string[] = []
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
      readFile: async (_app: unknown, commit: CommitId, path: string) => {
        const { status, stdout } = spawnSync('git', ['show', `${commit}:${path}`], { cwd: folder })
        return status === 0 ? stdout : null
      },
      treeOf: async (_app: unknown, commit: CommitId) => git('rev-parse', `${commit}^{tree}`).toString().trim(),
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
  const { engine, registry, registrySocket, images, dns } = where!
  const [base, node] = [images.base, images.node].map(parseImageReference)
  return createBuilder({
    repositories: port,
    store: { findImage: async () => null, saveImage: async () => undefined },
    engine: new DockerHttp({ socketPath: engine }),
    registry: { socketPath: registry },
    registrySocket,
    images: { node: node!, builder: images.builder },
    nodeVersion: process.versions.node,
    bases: { mirrors: ownMirrors(base!, node!), outside: false },
    ...(dns ? { dns } : {}),
    platform: 'linux/amd64',
    clock: systemClock,
    ids: systemIds,
    warn: sentence => assert.fail(sentence),
  })
}

/** Owner, mode, size, time and name of everything below /app, layer upon layer. */
async function treeOf(image: Image): Promise<readonly string[]> {
  const registry = new Registry({ socketPath: where!.registry })
  const files = new Map<string, string>()
  for (const layer of image.layers) {
    const input = await registry.getBlob('tree', parseLayer(layer.digest), never)
    const { stdout } = spawnSync('tar', ['-tvz', '--numeric-owner', '--full-time'], { input, maxBuffer: 1 << 28 })
    for (const line of stdout.toString().split('\n')) {
      const [, facts, path] = /^(.*\d\d:\d\d:\d\d) (app\/.*)$/.exec(line) ?? []
      if (facts && path) files.set(path, facts.replace(/ +/g, ' '))
    }
  }
  registry.close()
  return [...files].map(([path, facts]) => `${path} ${facts}`).sort()
}
const parseLayer = (digest: string) => digest as Parameters<Registry['getBlob']>[1]

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
    assert.deepEqual([assembled.how, built.how], ['node-assembled', 'node-built'])
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
