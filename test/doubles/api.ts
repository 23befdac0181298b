import { FakeBackups } from './backups.ts'
import { createHash } from 'node:crypto'
import { rootAccess, type Access } from '../../src/access/principal.ts'
import { Audit } from '../../src/access/audit.ts'
import { Accounts } from '../../src/access/accounts.ts'
import { tokenAccess } from '../../src/access/tokens.ts'
import { FakeBuilder } from './builder.ts'
import { FakeRepositories } from './repositories.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AppError, asAppError } from '../../src/core/errors.ts'
import {
  type EnvironmentKey,
  parseAppName,
  parseImageReference,
  parseNodeName,
  parseProcessType,
  parseRunId,
  production,
  web,
} from '../../src/core/names.ts'
import { defaults } from '../../src/core/defaults.ts'
import type { Image, Release } from '../../src/core/release.ts'
import type { Run } from '../../src/core/run.ts'
import { Secret } from '../../src/core/secret.ts'
import { isFinal, runStates, wentLive } from '../../src/core/states.ts'
import { systemClock, systemIds } from '../../src/core/system.ts'
import type { Certificates } from '../../src/domains/domains.ts'
import type { Engine, LogLine, TaskView } from '../../src/docker/engine.ts'
import type { RetainedLogs } from '../../src/observe/retained-logs.ts'
import type { Edges, EnvironmentView, ProcessView, SourceLimits } from '../../src/edge/edges.ts'
import { Ejector } from '../../src/pipeline/eject.ts'
import { OperatorLimits } from '../../src/pipeline/operator-limits.ts'
import type { Pipeline, RunEvent } from '../../src/pipeline/pipeline.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { ServiceBackup, Services } from '../../src/services/services.ts'
import type { Store } from '../../src/store/store.ts'
import { createApi } from '../../src/api/api.ts'
import type { Platform } from '../../src/api/parts.ts'

export const shop: EnvironmentKey = { app: parseAppName('shop'), environment: production }

const testNodes = [
  { node: 'one', keeper: { version: '0.1.0', build: 'cececececece', generation: 3 }, engine: '26.1.5+dfsg1' },
  { node: 'two', keeper: null, engine: null },
]

/** An API on a real store in memory, with a pipeline that brings every run to life at once, and edges that say what they are told. */
export async function makeTestApi({
  access = 'root',
  clock = systemClock,
  retainedLogs,
}: {
  readonly access?: Access | 'root' | 'network'
  readonly clock?: Clock
  readonly retainedLogs?: RetainedLogs
} = {}) {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  const repositories = new FakeRepositories()
  const world = new World()
  const reported: AppError[] = []
  const place = { url: 'https://lading.example.test:8443' }
  const cuts: Cuts = { streams: 0, draining: Promise.resolve() }
  const platform: Platform = {
    version: '0.1.0',
    build: 'b0b0b0b0b0b0',
    nodes: () => Promise.resolve(testNodes),
    baseDomain: 'example.test',
    get url() {
      return place.url
    },
    ca: null,
    privateNetworks: 'deny-own',
  }
  const limits = await OperatorLimits.open(store, () => undefined)
  const file = tokenAccess([{ name: 'owner', token: new Secret('0f'.repeat(32)) }])
  const accounts = await Accounts.open({ store, clock, file, report: error => reported.push(asAppError(error)) })
  const listeners = { root: rootAccess, network: accounts }
  const audit = new Audit(store, clock, error => reported.push(asAppError(error)))
  const api = createApi({
    accounts,
    audit,
    store,
    repositories,
    backups: new FakeBackups(),
    services: fakeServices,
    ids: systemIds,
    access: typeof access === 'string' ? listeners[access] : access,
    ...(access === 'root' && { presented: () => ({ kind: 'socket' as const }) }),
    platform,
    pipeline: fakePipeline(store, cuts),
    limits,
    ejector: new Ejector({ store, repositories, builder: new FakeBuilder(clock), limits: limits.current }),
    edges: fakeEdges(world),
    engine: fakeEngine(world),
    certificates: fakeCertificates,
    ...(retainedLogs && { retainedLogs }),
    clock,
    report: error => reported.push(error),
  })
  const call = async <T = Record<string, unknown>>(method: string, path: string, body?: unknown) => {
    const response = await api.request(`/v1${path}`, {
      method,
      ...(method !== 'GET' && { headers: { 'content-type': 'application/json' } }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as T }
  }
  return { api, call, accounts, audit, store, repositories, world, reported, place, cuts }
}

/** What the fake edges and engine say. */
class World {
  view: EnvironmentView = { processes: [], inFlight: {} }
  readonly tasks: TaskView[] = []
  /** More labels of the one service. */
  serviceLabels: Readonly<Record<string, string>> = {}
  /** What the edges were told. */
  readonly sourceLimits: SourceLimits[] = []
  readonly logs = new Map<string, LogLine[]>()
  readonly #watchers = new Set<() => void>()
  silent = false
  /** Logs that cannot be read. */
  readonly broken = new Set<string>()
  /** Streams that someone still reads. */
  readers = 0

  process(name: string, facts: Partial<ProcessView> = {}): ProcessView {
    const process: ProcessView = {
      container: `c-${name}-${facts.release ?? 1}`,
      node: parseNodeName('one'),
      release: 1,
      type: name.split('.')[0] ?? name,
      name,
      state: 'running',
      exitCode: null,
      outOfMemory: false,
      startedAt: 1_700_000_000_000,
      address: '10.0.0.1:32768',
      proof: 'proven',
      lastCheck: null,
      ...facts,
    }
    this.view = { ...this.view, processes: [...this.view.processes, process] }
    this.changed()
    return process
  }

  log(source: string, time: string, text: string): void {
    this.logs.set(source, [...(this.logs.get(source) ?? []), { time, stream: 'stdout', text }])
    this.changed()
  }

  changed(): void {
    for (const wake of this.#watchers) wake()
  }

  /** Yields at once, and again after each change, until aborted. */
  async *changes(signal: AbortSignal): AsyncGenerator<World> {
    this.readers++
    signal.addEventListener('abort', () => this.readers--, { once: true })
    while (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#watchers.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      yield this
      await promise
      this.#watchers.delete(resolve)
    }
  }

  async *read(source: string, tail: number, follow: boolean, signal: AbortSignal): AsyncGenerator<LogLine> {
    if (this.broken.has(source)) throw new AppError('unavailable', 'no keeper answers on node one', { retryable: true })
    let at = Math.max(0, (this.logs.get(source)?.length ?? 0) - tail)
    for await (const { logs } of this.changes(signal)) {
      for (const line of (logs.get(source) ?? []).slice(at)) yield (at++, line)
      if (!follow) return
    }
  }
}

function fakeEdges(world: World): Edges {
  const nothing = () => Promise.resolve()
  return {
    allocate: nothing,
    release: nothing,
    route: nothing,
    unroute: nothing,
    certify: nothing,
    uncertify: nothing,
    onlyHttps: nothing,
    limitSources: async limits => void world.sourceLimits.push(limits),
    challenge: nothing,
    routerLog: (_, { tail, follow }, signal) => world.read('router', tail, follow, signal),
    state: () => Promise.resolve({ lanes: [], routes: [], certificates: [], challenges: [] }),
    async *watch(_, signal) {
      if (world.silent) await new Promise(resolve => signal.addEventListener('abort', resolve))
      for await (const { view } of world.changes(signal)) yield view
    },
    listening: () => Promise.resolve([]),
  }
}

export const fakeCertificates: Certificates = {
  changed: () => Promise.resolve(),
  shownFor: () => Promise.resolve(null),
  list: () => Promise.resolve([]),
  give: () => Promise.reject(new AppError('internal', 'the tests give none')),
  turnOn: () => Promise.resolve(),
  assertOwned: async name => {
    if (!name.endsWith('mine.example')) throw new AppError('not-allowed', `${name} is not proven to be yours`)
  },
}

/** Services that are up, and do what they are told at once. */
export const fakeServices: Services = {
  wake: () => undefined,
  see: () => Promise.resolve({ up: true, bytes: 8_000_000 }),
  grant: () => Promise.resolve(),
  url: ({ name }, { user }) => Promise.resolve(`postgres://${user}:secret@${name}:5432/app`),
  backUp: service => Promise.resolve(backupOf(service.name)),
  backups: () => Promise.resolve([backupOf('db')]),
}

function backupOf(service: string): ServiceBackup {
  return {
    name: `service-postgres-${service}-20261203T054800Z.age`,
    kind: 'postgres',
    service,
    scheduled: false,
    size: 5_000,
  }
}

function fakeEngine(world: World): Engine {
  const unused = (): never => {
    throw new AppError('internal', 'the API does not call this')
  }
  const service = { name: 'l-shop-production-v2-web', replicas: 2, createdAt: 1 }
  return {
    createService: unused,
    removeService: unused,
    listServices: labels =>
      Promise.resolve([
        { ...service, labels: { ...labels, 'lading.type': 'web', 'lading.release': '2', ...world.serviceLabels } },
      ]),
    haltService: unused,
    diskUse: unused,
    removeContainer: unused,
    listTasks: () => Promise.resolve(world.tasks),
    ensureNetwork: unused,
    removeNetwork: unused,
    listNetworks: unused,
    createConfig: unused,
    listConfigs: unused,
    removeConfig: unused,
    swapConfigLabels: unused,
    startOneOff: unused,
    inspectOneOff: unused,
    removeOneOff: unused,
    listOneOffs: unused,
    logs: (container, { tail = Infinity, follow = false }, signal) => world.read(container, tail, follow, signal),
  }
}

export const image: Image = {
  reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'a'.repeat(64)}`),
  buildKey: 'key-1',
  processes: [
    { type: web, command: 'node server.js' },
    { type: parseProcessType('worker'), command: 'node worker.js' },
  ],
  releaseCommand: null,
  settings: defaults.settings,
  layers: [{ digest: `sha256:${'b'.repeat(64)}`, size: 12, isNew: true }],
  stack: 'dockerfile',
  method: 'built',
}

/** Runs are live as soon as they are followed; a config key `CRASH` fails its run. */
interface Cuts {
  /** So many streams of runs end before their outcome. */
  streams: number
  /** What a destruction waits for. */
  draining: Promise<void>
}

function fakePipeline(store: Store, cuts: Cuts): Pipeline {
  const carry = async (run: Run): Promise<Run> => {
    await store.appendLines(run.id, [{ at: 1, text: '-----> Starting' }])
    if (run.intent.kind === 'config' && run.intent.summary.includes('CRASH')) {
      const facts = { reason: 'web.1 crashed with code 1', details: ['last log lines of web.1:', '  boom'], now: 2 }
      return store.advanceRun(run.id, 'queued', 'failed', facts)
    }
    await goLive(store, run)
    return (await store.findRun(run.id)) ?? run
  }
  return {
    async submit({ key, intent, by }) {
      const id = parseRunId(systemIds.runId())
      return store.insertRun({ ...key, id, intent, by, reason: 'waiting for its turn', now: systemClock.now() })
    },
    async *follow(id, after): AsyncGenerator<RunEvent> {
      let run = await store.findRun(id)
      if (run && !isFinal(run.state) && !wentLive(run.state)) run = await carry(run)
      for (const { seq, text } of await store.readLines(id, after)) yield { kind: 'line', seq, text }
      if (run && cuts.streams-- <= 0) yield { kind: 'outcome', run }
    },
    async cancel(id, reason) {
      const run = await store.findRun(id)
      if (!run) throw new AppError('not-found', `there is no run ${id}`)
      return isFinal(run.state) ? run : store.advanceRun(id, run.state, 'cancelled', { reason, now: 3 })
    },
    rehost: () => Promise.resolve(),
    async destroy({ app }) {
      await store.markAppDestroyed(app, 1)
      await cuts.draining
      await store.removeApp(app)
    },
    async clean() {
      const isBuilding = (await store.openRuns()).some(run => run.state === 'building')
      return isBuilding ? null : { fromRegistry: 3, fromEngine: 2 }
    },
  }
}

/** Makes the release of a run from the parts its intent names, and brings the run to `live`. */
export async function goLive(store: Store, run: Run): Promise<Release> {
  const { intent } = run
  const serving = await store.servingRelease(run)
  const old = intent.kind === 'rollback' ? await store.findRelease(run, intent.to) : serving
  const newest = (await store.readConfig(run, 0)).version
  const parts = {
    image: { ...image, reference: imageOf(run) },
    commit: intent.kind === 'commit' ? intent.commit : null,
    author: 'Ada <ada@example.com>',
    config: newest,
    formation: {},
    ...(old && intent.kind !== 'commit' && { image: old.image, commit: old.commit, config: old.config }),
    ...(old && { formation: old.formation }),
    ...(intent.kind === 'config' && { config: intent.config }),
    ...(intent.kind === 'scale' && { formation: { ...old?.formation, ...intent.formation } }),
  }
  const words = {
    commit: `Deploy ${parts.commit?.slice(0, 7)}`,
    config: intent.kind === 'config' ? intent.summary : '',
    scale: 'Scale',
    rollback: intent.kind === 'rollback' ? `Rollback to v${intent.to}` : '',
    restore: intent.kind === 'restore' ? `Restore v${intent.to}` : '',
  }
  for (const state of runStates.slice(0, runStates.indexOf('releasing'))) await advance(store, run, state)
  const release = await store.insertRelease({
    ...parts,
    app: run.app,
    environment: run.environment,
    verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
    description: words[intent.kind],
    by: run.by,
    createdAt: systemClock.now(),
    run: run.id,
  })
  for (const state of runStates.slice(runStates.indexOf('releasing'), runStates.indexOf('live')))
    await advance(store, run, state)
  return release
}

function imageOf({ intent }: Run): Image['reference'] {
  const digest = createHash('sha256').update(JSON.stringify(intent)).digest('hex')
  return parseImageReference(`127.0.0.1:5443/shop@sha256:${digest}`)
}

async function advance(store: Store, run: Run, from: Run['state']): Promise<void> {
  const to = runStates[runStates.indexOf(from) + 1]
  if (to) await store.advanceRun(run.id, from, to, { reason: `now ${to}`, now: systemClock.now() })
}
