import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeRepositories } from '../../test/doubles/repositories.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { environmentLabels, label } from '../core/labels.ts'
import {
  parseAppName,
  parseCommitId,
  parseHostName,
  parseImageReference,
  parseProcessType,
  parseRunId,
  production,
  web,
  type EnvironmentKey,
} from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { Secret } from '../core/secret.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import type { Edges } from '../edge/edges.ts'
import { FakeEdges } from '../../test/doubles/edges.ts'
import { documentName, writeDocument, type ReleaseDocument } from '../release/document.ts'
import { laneSpec, serviceSpecs, spaceNetwork } from '../rollout/spec.ts'
import { createSealer } from '../store/seal.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { recoverFromCluster } from './recover-from-cluster.ts'
import { Traffic } from './traffic.ts'

const signal = new AbortController().signal
const dataKey = new Secret('5a'.repeat(32))
const shop: EnvironmentKey = { app: parseAppName('shop'), environment: production }
const blog: EnvironmentKey = { app: parseAppName('blog'), environment: production }

test('an empty database beside an empty cluster stays empty', async () => {
  const { store, recover, said } = await scene()
  await recover()
  assert.deepEqual([await store.listApps(), said], [[], []])
})

test('a database with an app is left as it is', async () => {
  const { store, recover, runs } = await scene()
  await runs(release(shop, 3))
  await store.createApp(blog.app, 'ann', 1)
  await recover()
  assert.deepEqual(
    (await store.listApps()).map(one => one.app),
    ['blog'],
  )
})

test('a release is read back with its config, who set it, and its branch', async () => {
  const { store, recover, runs, said } = await scene()
  await runs(release(shop, 3))
  await recover()
  assert.equal((await store.servingRelease(shop))?.number, 3)
  assert.deepEqual(await store.findEnvironment(shop), { ...shop, branch: 'trunk' })
  const config = await store.readConfig(shop, 0)
  assert.deepEqual([config.version, config.by, config.values['A']?.reveal()], [2, 'bob', '1'])
  assert.match(said.join('\n'), /lost with the database: earlier releases and their runs/)
})

test('a document of the first Ladings, without branch and intent, is enough', async () => {
  const { store, recover, runs } = await scene()
  const old = release(shop, 3)
  await runs(old, JSON.stringify({ release: old, config: { A: '1' } }))
  await recover()
  assert.equal((await store.servingRelease(shop))?.number, 3)
  assert.deepEqual(await store.findEnvironment(shop), { ...shop, branch: 'main' })
  assert.equal((await store.readConfig(shop, 0)).values['A']?.reveal(), '1')
})

test('under another data key nothing is written, and the way out is said', async () => {
  const { store, recover, runs } = await scene()
  await runs(release(shop, 3))
  await assert.rejects(recover(new Secret('77'.repeat(32))), error => {
    assert.ok(error instanceof AppError)
    assert.match(error.message, /no release can be read back: .* was sealed with data key [0-9a-f]{8}, and this is/)
    assert.match(error.hint ?? '', /recovery code/)
    return true
  })
  assert.deepEqual(await store.listApps(), [])
})

test('an environment whose serving release cannot be read is left alone, and the others are read back', async () => {
  const { store, recover, runs, cluster, edges, said } = await scene()
  await runs(release(shop, 3))
  await runs(release(blog, 5), '{')
  await recover()
  assert.deepEqual(
    (await store.listApps()).map(one => one.app),
    ['shop'],
  )
  assert.match(said.join('\n'), /left alone: .*"blog\/production".*v5: no document that can be read/)
  assert.ok(cluster.inventory().services.includes('l-blog-production-v5-web'))
  assert.ok((await edges.edges().state(signal)).routes.some(route => route.app === 'blog'))
})

test('of workers in their second release, which have ended and begun again, the first is what served', async () => {
  const { store, recover, runs, cluster, clock } = await scene()
  const worker = parseProcessType('worker')
  const of = (number: number): Release => {
    const { image, ...rest } = release(shop, number)
    return { ...rest, image: { ...image, processes: [{ type: worker, command: 'work' }] }, formation: { worker: 1 } }
  }
  await runs(of(1))
  await runs(of(2))
  const running = () => cluster.processes.all().filter(process => process.state === 'running')
  await clock.run(() => running().length === 2, 60_000)
  cluster.processes.kill(running().find(process => process.labels[label.release] === '2')?.container ?? '')
  await clock.run(() => running().length === 2, 60_000)
  await recover()
  assert.equal((await store.servingRelease(shop))?.number, 1)
  assert.deepEqual(
    (await store.listRuns(shop, 9)).map(run => `v${run.release} ${run.state}`),
    ['v2 cancelled', 'v1 settled'],
  )
})

const forgetStrangers = async () => undefined

test('edges that have lost their state too get a lane and the route of what runs', async () => {
  const { store, recover, runs, cluster, clock } = await scene()
  await runs(release(shop, 3))
  await clock.run(() => cluster.processes.all().some(process => process.state === 'running'), 60_000)
  const edges = new FakeEdges({ clock, processes: cluster.processes }).edges()
  await recover(dataKey, edges)
  const hosts = () => [parseHostName('shop.example.com')]
  await new Traffic({ store, edges, clock, hosts, certify: async () => undefined, forgetStrangers }).toServing(
    shop,
    signal,
  )
  const { lanes, routes } = await edges.state(signal)
  assert.deepEqual([lanes.map(lane => lane.release), routes.map(route => route.release)], [[3], [3]])
})

test('when the platform has another domain, the release that serves is certified and routed at its new name', async () => {
  const { store, recover, runs, edges } = await scene()
  await runs(release(shop, 3))
  await recover()
  const certified: string[] = []
  const hosts = () => [parseHostName('shop.example.org')]
  const certify = async (names: readonly string[]) => void certified.push(...names)
  const traffic = new Traffic({
    store,
    edges: edges.edges(),
    clock: new VirtualClock(),
    hosts,
    certify,
    forgetStrangers,
  })
  await traffic.toServing(shop, signal)
  await traffic.toServing(shop, signal)
  const { routes } = await edges.edges().state(signal)
  assert.deepEqual([routes.map(route => route.hosts), certified], [[['shop.example.org']], ['shop.example.org']])
})

function release(key: EnvironmentKey, number: number): Release {
  return {
    ...key,
    number,
    image: {
      reference: parseImageReference(`127.0.0.1:5443/${key.app}@sha256:${'a'.repeat(64)}`),
      buildKey: `key-${number}`,
      processes: [{ type: web, command: null }],
      releaseCommand: null,
      settings: defaults.settings,
      layers: [],
      stack: 'dockerfile',
      method: 'built',
    },
    commit: parseCommitId('c'.repeat(40)),
    author: 'Ann',
    config: 2,
    formation: { web: 1 },
    verdict: { outcome: 'nothing-tested', sentence: 'none' },
    description: 'Deploy ccccccc',
    by: 'ann',
    createdAt: 1000 + number,
    run: parseRunId(`run0000${number}${key.app}`),
  }
}

async function scene() {
  const clock = new VirtualClock()
  const cluster = new FakeCluster({ clock })
  const edges = new FakeEdges({ clock, processes: cluster.processes })
  const store = await openSqliteStore({ path: ':memory:', dataKey })
  const repositories = new FakeRepositories()
  const engine = cluster.engine()
  const said: string[] = []

  /** As the pipeline leaves it: document, swarm services, lane and route. */
  const runs = async (made: Release, text?: string): Promise<void> => {
    const name = documentName(made, made.number)
    const document: ReleaseDocument = {
      release: made,
      config: { version: made.config, values: { A: new Secret('1') }, by: 'bob', at: 7 },
      intent: { kind: 'scale', formation: made.formation },
      branch: 'trunk' as NonNullable<ReleaseDocument['branch']>,
    }
    const sealed = createSealer(dataKey, 'snapshot').seal(name, new Secret(text ?? writeDocument(document)))
    const labels = { ...environmentLabels(made), [label.role]: 'snapshot', [label.release]: String(made.number) }
    await engine.createConfig(name, labels, Buffer.from(sealed), signal)
    await engine.ensureNetwork(spaceNetwork(made), environmentLabels(made), signal)
    for (const spec of serviceSpecs(made, {})) await engine.createService(spec, signal)
    const lane = laneSpec(made)
    if (lane) {
      await edges.edges().allocate(lane, signal)
      const hosts = [parseHostName(`${made.app}.example.com`)]
      const { app, environment, number } = made
      await edges.edges().route({ app, environment, hosts, release: number }, signal)
    }
  }

  const recover = (key = dataKey, seen: Edges = edges.edges()): Promise<void> => {
    const sealer = createSealer(key, 'snapshot')
    const deps = {
      isOurs: (host: string) => host.endsWith('.example.com'),
      store,
      engine,
      edges: seen,
      repositories,
      clock,
      quiet: async () => undefined,
      log: (event: string, facts: Readonly<Record<string, unknown>>) => said.push(`${event} ${JSON.stringify(facts)}`),
      open: (sealed: Uint8Array, context: string) => sealer.open(context, Buffer.from(sealed).toString()).reveal(),
    }
    return recoverFromCluster(deps, signal)
  }
  return { clock, cluster, edges, store, runs, recover, said }
}
