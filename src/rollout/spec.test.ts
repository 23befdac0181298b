import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { defaultLimits } from '../core/limits.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import {
  parseAppName,
  parseCommitId,
  parseImageReference,
  parseNodeName,
  parseProcessType,
  parseRunId,
  production,
} from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import type { Engine } from '../docker/engine.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import type { Edges, ProcessView } from '../edge/edges.ts'
import { FakeEdges } from '../../test/doubles/edges.ts'
import { startRelease } from './roll-out.ts'
import { laneSpec, objectName, releasePhaseSpec, serviceSpecs } from './spec.ts'

function release(formation: Release['formation'], command: string | null = 'node server.js'): Release {
  return {
    app: parseAppName('shop'),
    environment: production,
    number: 3,
    image: {
      reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'a'.repeat(64)}`),
      buildKey: 'key',
      processes: ['web', 'worker'].map(type => ({ type: parseProcessType(type), command })),
      releaseCommand: null,
      settings: defaults.settings,
      layers: [],
      stack: 'dockerfile',
      method: 'built',
    },
    commit: parseCommitId('c'.repeat(40)),
    author: 'A',
    config: 2,
    formation,
    verdict: { outcome: 'nothing-tested', sentence: 'none' },
    description: 'Deploy ccccccc',
    by: 'test',
    createdAt: 0,
    run: parseRunId('run00000001'),
  }
}

test('without a formation one web runs and no worker; only web has a port', () => {
  const specs = serviceSpecs(release({}), {})
  assert.deepEqual(
    specs.map(({ name, replicas, port }) => ({ name, replicas, port })),
    [{ name: 'l-shop-production-v3-web', replicas: 1, port: 8080 }],
  )
  const both = serviceSpecs(release({ web: 2, worker: 3 }), {})
  assert.deepEqual(
    both.map(spec => [spec.replicas, spec.port]),
    [
      [2, 8080],
      [3, null],
    ],
  )
})

test('every swarm service says whose it is, so that what runs can be read back', () => {
  const [spec] = serviceSpecs(release({}), {})
  assert.deepEqual(spec?.labels, {
    'lading.app': 'shop',
    'lading.environment': 'production',
    'lading.role': 'process',
    'lading.type': 'web',
    'lading.release': '3',
    'lading.config': '2',
    'lading.commit': 'c'.repeat(40),
  })
})

test('the one-off of a release phase says whose it is, and of which run', () => {
  assert.deepEqual(releasePhaseSpec(release({}), 'npm run migrate', {}).labels, {
    'lading.app': 'shop',
    'lading.environment': 'production',
    'lading.role': 'release-phase',
    'lading.type': 'release',
    'lading.release': '3',
    'lading.config': '2',
    'lading.commit': 'c'.repeat(40),
    'lading.run': 'run00000001',
  })
})

test('the network of a space says whose it is, and nothing of the release that made it', async () => {
  const cluster = new FakeCluster({ clock: systemClock })
  const edges = new FakeEdges({ clock: systemClock, processes: cluster.processes }).edges()
  const made: unknown[] = []
  const engine: Engine = {
    ...cluster.engine(),
    ensureNetwork: async (name, labels) => {
      made.push([name, labels])
      throw new AppError('internal', 'that is all to be seen')
    },
  }
  const deps = { engine, edges, clock: systemClock, limits: () => defaultLimits }
  await assert.rejects(startRelease(release({}), {}, () => undefined, deps, new AbortController().signal))
  assert.deepEqual(made, [['l-shop', { 'lading.app': 'shop', 'lading.environment': 'production' }]])
})

test('processes of an app of the same name that was destroyed are not this release crashing', async () => {
  const cluster = new FakeCluster({ clock: systemClock, behaviourOf: () => ({ startMs: 0, listenMs: 0, stopMs: 0 }) })
  const edges = new FakeEdges({ clock: systemClock, processes: cluster.processes }).edges()
  const made: Release = { ...release({ web: 1, worker: 0 }), createdAt: systemClock.now() }
  const before = (container: string, startedAt: number): ProcessView => ({
    container,
    node: parseNodeName('one'),
    release: made.number,
    type: 'web',
    name: 'web.1',
    state: 'exited',
    exitCode: 0,
    outOfMemory: false,
    startedAt,
    address: null,
    proof: 'none',
    lastCheck: null,
  })
  const withOthers = (startedAt: number): Edges => ({
    ...edges,
    async *watch(...call) {
      for await (const view of edges.watch(...call))
        yield { ...view, processes: [...view.processes, before('c1', startedAt), before('c2', startedAt)] }
    },
  })
  const start = (others: Edges) => {
    const deps = { engine: cluster.engine(), edges: others, clock: systemClock, limits: () => defaultLimits }
    return startRelease(made, {}, () => undefined, deps, new AbortController().signal)
  }
  await assert.rejects(start(withOthers(made.createdAt + 1)), /web.1 crashed with code 0/)
  await start(withOthers(made.createdAt - 1000))
})

test('what the platform sets wins over config, and config keeps its type', () => {
  const [spec] = serviceSpecs(release({}), { A: new Secret('1') })
  assert.equal(spec?.env['PORT'], '8080')
  assert.equal(String(spec?.env['A']), '[secret]')
})

test('a release without the type web has no lane; scaled to zero it keeps one, so that the edge can say so', () => {
  const worker = release({ worker: 1 })
  const processes = worker.image.processes.filter(({ type }) => type !== 'web')
  assert.equal(laneSpec({ ...worker, image: { ...worker.image, processes } }), null)
  assert.equal(laneSpec(release({ web: 0, worker: 1 }))?.processes, 0)
  assert.equal(laneSpec(release({ web: 2 }))?.processes, 2)
})

test("an app that says nothing of time-outs has Heroku's at the edge: 30 s to the first byte, then 55 s", () => {
  const spec = laneSpec(release({ web: 1 }))
  assert.equal(spec?.firstByteSeconds, 30)
  assert.equal(spec?.idleSeconds, 55)
})

test('names stay within the 63 characters that Swarm allows, and apart', () => {
  const key = { app: parseAppName('a'.repeat(30)), environment: production }
  const names = ['v1-web', 'v1-worker', 'v11-web'].map(rest => objectName(key, `${rest}-${'x'.repeat(20)}`))
  for (const name of names) assert.ok(name.length <= 63)
  assert.equal(new Set(names).size, 3)
})

test("an image's own command is left alone", () => {
  assert.equal(serviceSpecs(release({}, null), {})[0]?.command, null)
})

test('at SIGTERM the shell waits for its child and passes its exit code on', async () => {
  const child = 'process.on("SIGTERM", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000)'
  const [spec] = serviceSpecs(release({}, `"${process.execPath}" -e '${child}'`), {})
  const [file = '', ...args] = spec?.command ?? []
  // Its own process group, all of which gets the signal: what the engine's init does (TINI_KILL_PROCESS_GROUP).
  const shell = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(shell.stdout, 'data')
  process.kill(-(shell.pid ?? 0), 'SIGTERM')
  assert.deepEqual(await once(shell, 'exit'), [7, null])
})

test('at SIGTERM a script of npm ends by its own handler, too', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lading-npm-'))
  const app = 'process.on("SIGTERM", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000)'
  await writeFile(join(folder.path, 'app.js'), app)
  const start = `"${process.execPath}" app.js`
  await writeFile(join(folder.path, 'package.json'), JSON.stringify({ scripts: { start } }))
  const [spec] = serviceSpecs(release({}, 'npm start --silent'), {})
  const [file = '', ...args] = spec?.command ?? []
  const shell = spawn(file, args, { cwd: folder.path, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(shell.stdout, 'data')
  process.kill(-(shell.pid ?? 0), 'SIGTERM')
  assert.deepEqual(await once(shell, 'exit'), [7, null])
})

test('scripts of npm are run by bash, unless config or an .npmrc chooses another shell', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lading-npm-'))
  const chosen = async (env: Readonly<Record<string, string>>) => {
    const [spec] = serviceSpecs(release({}, 'echo "$npm_config_script_shell"'), {})
    const [file = '', ...args] = spec?.command ?? []
    const options = { cwd: folder.path, env: { PATH: process.env['PATH'], HOME: folder.path, ...env } }
    return (await promisify(execFile)(file, args, options)).stdout.trim()
  }
  assert.equal(await chosen({}), 'bash')
  assert.equal(await chosen({ npm_config_script_shell: 'zsh' }), 'zsh')
  assert.equal(await chosen({ NPM_CONFIG_SCRIPT_SHELL: 'zsh' }), '')
  await writeFile(join(folder.path, '.npmrc'), 'audit=false\nscript-shell = zsh\n')
  assert.equal(await chosen({}), '')
})

test("the line that a shell's error names is the command's own", async () => {
  const [spec] = serviceSpecs(release({}, 'no-such-program'), {})
  const [file = '', ...args] = spec?.command ?? []
  const error = { code: 127, stderr: /^sh: (?:line )?1: no-such-program: / }
  await assert.rejects(promisify(execFile)(file, args), error)
})

test('a release phase is named by its run, so that it is started once', () => {
  const spec = releasePhaseSpec(release({}), 'npm run migrate', {})
  assert.equal(spec.name, 'l-release-phase-run00000001')
  assert.match(spec.command.at(-1) ?? '', /npm run migrate$/)
})

test('what the operator has set holds for processes and release phases', () => {
  const limits = { ...defaultLimits, pids: 64, tmpBytes: 1024, openFiles: 256, reservedMemoryShare: 0.5 }
  const [spec] = serviceSpecs(release({}), {}, limits)
  const phase = releasePhaseSpec(release({}), 'npm run migrate', {}, limits)
  for (const policy of [spec?.policy, phase.policy]) {
    assert.equal(policy?.reservedMemory, policy!.memory / 2)
    assert.deepEqual([policy?.pids, policy?.tmpBytes, policy?.openFiles], [64, 1024, 256])
  }
})
