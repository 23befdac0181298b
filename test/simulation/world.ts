import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultLimits } from '../../src/core/limits.ts'
import { FakeBuilder } from '../doubles/builder.ts'
import { acquireLease } from '../../src/cluster/lease.ts'
import { FakeRepositories } from '../doubles/repositories.ts'
import { defaults } from '../../src/core/defaults.ts'
import { AppError } from '../../src/core/errors.ts'
import { environmentLabels } from '../../src/core/labels.ts'
import {
  parseHostName,
  parseImageReference,
  type AppName,
  type CommitId,
  type EnvironmentKey,
} from '../../src/core/names.ts'
import type { Process, Settings } from '../../src/core/release.ts'
import { Secret } from '../../src/core/secret.ts'
import type { VerifyPlan } from '../../src/core/verify-plan.ts'
import { FakeCluster, type Behaviour } from '../doubles/engine.ts'
import type { Engine } from '../../src/docker/engine.ts'
import { FakeEdges } from '../doubles/edges.ts'
import { bringBack } from '../../src/pipeline/bring-back.ts'
import { Dispatcher } from '../../src/pipeline/dispatcher.ts'
import { recoverFromCluster } from '../../src/pipeline/recover-from-cluster.ts'
import type { Deps } from '../../src/pipeline/deps.ts'
import { spaceNetwork } from '../../src/rollout/spec.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { Gate, type GateOptions } from './gate.ts'
import { CountedIds } from './random.ts'
import { VirtualClock } from './virtual-clock.ts'
import { Witness } from './witness.ts'

const forever = new AbortController().signal
const dataKey = new Secret('5a'.repeat(32))
/** Memory where the machine has it: a history is a few hundred commits to a real file, and none of them has to last. */
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'lading-simulation-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const template = join(folder, 'template.db')
let worlds = 0

export interface SimulatedStep {
  readonly name: string
  readonly runsMs: number
  readonly exitCode: number
  readonly timeoutSeconds?: number
  readonly retries?: number
}

/** What a commit of a history is like. Times in ms. */
export interface CommitKind {
  readonly processes?: readonly Process[]
  readonly releaseCommand?: { readonly runsMs: number; readonly exitCode: number }
  /** Of `verify:`; each needs the one before. */
  readonly steps?: readonly SimulatedStep[]
  readonly buildMs?: number
  readonly buildFails?: boolean
  readonly web?: Partial<Behaviour>
  readonly settings?: Partial<Settings>
}

/**
 * Everything that outlives a control plane: Swarm, edges and keepers, git, the builder, the database file, time. The
 * fakes keep their own lives under the virtual clock, whichever instance asked for them.
 */
export class World {
  readonly clock: VirtualClock
  readonly ids: CountedIds
  readonly repositories: FakeRepositories
  readonly builder: FakeBuilder
  readonly cluster: FakeCluster
  readonly edges: FakeEdges
  readonly witness: Witness
  /** Its rows came from a backup, and no one has taken them up yet. */
  isRestored = false
  /** Events of the instances, for the report of a failing history. */
  readonly log: string[]
  readonly path: string
  /** Until then no network can be removed (ms, monotonic). */
  networksHeldUntil = 0
  readonly #kinds: Map<string, CommitKind>
  readonly #open: Store[] = []
  #commits = 0

  /** Of `lost` only git, time and the users' code are left: another machine, that its backup is restored on. */
  constructor(lost?: World) {
    this.clock = lost?.clock ?? new VirtualClock()
    this.ids = lost?.ids ?? new CountedIds()
    this.repositories = lost?.repositories ?? new FakeRepositories()
    this.builder = lost?.builder ?? new FakeBuilder(this.clock)
    this.log = lost?.log ?? []
    this.#kinds = lost === undefined ? new Map<string, CommitKind>() : lost.#kinds
    this.cluster = new FakeCluster({
      clock: this.clock,
      behaviourOf: (image, command) => this.#behaviour(image, command),
    })
    this.edges = new FakeEdges({ clock: this.clock, processes: this.cluster.processes, proofMs: 85 })
    const { clock, cluster, edges } = this
    this.witness = new Witness({ clock, cluster, edges, say: line => this.log.push(line) })
    this.path = join(folder, `${++worlds}.db`)
  }

  /** A store on the database file: for the history itself, which is never killed. */
  async openStore(): Promise<Store> {
    if (!existsSync(template)) {
      const first = await openSqliteStore({ path: template, dataKey })
      await first.close()
    }
    if (!existsSync(this.path)) copyFileSync(template, this.path)
    const store = await openSqliteStore({ path: this.path, dataKey })
    this.#open.push(store)
    return store
  }

  /** The files of the database are gone; the next store finds none. */
  loseDatabase(): void {
    for (const ending of ['', '-wal', '-shm']) rmSync(this.path + ending, { force: true })
  }

  /** A machine that all of this was backed up to and restored on, with an empty registry. */
  restoredElsewhere(): World {
    const world = new World(this)
    // Between two statements, and in no time: the copy of a backup takes its own, which is no virtual one.
    for (const ending of ['', '-wal'])
      if (existsSync(this.path + ending)) copyFileSync(this.path + ending, world.path + ending)
    world.witness.remember(this.witness)
    world.isRestored = true
    this.builder.lose()
    return world
  }

  /** A commit in the app's repository, as a push leaves it there before any ref moves. */
  commit(app: AppName, kind: CommitKind, parents: readonly CommitId[] = []): CommitId {
    const commit = this.repositories.addCommit(app, { files: { number: String(++this.#commits) }, parents })
    this.#kinds.set(commit, kind)
    const { buildMs = 800, buildFails, processes, releaseCommand, settings, steps } = kind
    this.builder.set(commit, {
      delay: buildMs,
      ...(buildFails ? { fail: new AppError('build-failed', 'npm ci exited 1') } : {}),
      image: {
        ...(processes ? { processes } : {}),
        releaseCommand: releaseCommand ? 'migrate' : null,
        ...(steps ? { verify: planOf(steps) } : {}),
        settings: { ...defaults.settings, bootSeconds: 20, ...settings },
      },
    })
    return commit
  }

  /** The engine, which may believe for long that a network is in use, as 20.10 does, and has only images that were not removed. */
  holding(engine: Engine): Engine {
    return {
      ...engine,
      createService: async (spec, signal) => {
        if (this.builder.removed.has(parseImageReference(spec.image)))
          this.witness.note(`${spec.name} was made of an image that had been removed`)
        await engine.createService(spec, signal)
      },
      removeNetwork: async (name, signal) => {
        if (this.clock.monotonic() < this.networksHeldUntil) {
          throw new AppError('conflict', `network ${name} has active endpoints`, { retryable: true })
        }
        await engine.removeNetwork(name, signal)
      },
    }
  }

  async dispose(): Promise<void> {
    for (const store of this.#open) await store.close()
    this.loseDatabase()
  }

  #behaviour(image: string, command: readonly string[] | null): Behaviour {
    const commit = /@sha256:([0-9a-f]{40})/.exec(image)?.[1] ?? ''
    const kind = this.#kinds.get(commit) ?? {}
    const usual: Behaviour = { startMs: 450, listenMs: 200, stopMs: 120 }
    const step = kind.steps?.find(({ name }) => command?.at(-1) === `run ${name}`)
    if (step) return { ...usual, exit: { afterMs: step.runsMs, code: step.exitCode }, lines: [`in ${step.name}`] }
    if (command?.at(-1) !== 'migrate') return { ...usual, ...kind.web }
    const { runsMs = 0, exitCode: code = 0 } = kind.releaseCommand ?? {}
    return { ...usual, exit: { afterMs: runsMs, code }, lines: ['migrating'] }
  }
}

function planOf(steps: readonly SimulatedStep[]): VerifyPlan {
  return {
    setup: null,
    steps: steps.map(({ name, timeoutSeconds = 60, retries = 0 }, at) => ({
      name,
      run: `run ${name}`,
      needs: at === 0 ? [] : [steps[at - 1]!.name],
      env: {},
      timeoutSeconds,
      mayFail: false,
      retries,
      reports: null,
    })),
  }
}

/** A bug, put into a control plane by what it reaches the world through; whatever it does goes through the gate too. */
export type Plant = (deps: Deps, world: World) => Deps

const sound: Plant = deps => deps

interface InstanceOptions extends Omit<GateOptions, 'clock' | 'stage'> {
  readonly plant?: Plant | undefined
}

/** One instance of the control plane: the real pipeline and lease on the real store, behind its gate. */
export class Instance {
  readonly gate: Gate
  /** Null until it has recovered and would open its listeners. */
  pipeline: Dispatcher | null = null
  readonly #world: World
  readonly #plant: Plant

  constructor(world: World, { plant = sound, ...options }: InstanceOptions = {}) {
    this.#world = world
    this.#plant = plant
    this.gate = new Gate({ ...options, clock: world.clock, stage: () => world.witness.stage })
  }

  /** From the lease to the open listeners, as server/lifecycle.ts does it. Never settles when it is killed on the way. */
  async start(): Promise<void> {
    const { gate } = this
    const world = this.#world
    const term = { current: 0 }
    const clock = gate.clock()
    const engine = world.cluster.engine(term)
    const lease = await acquireLease(
      {
        engine: gate.port('lease', engine, 'uncounted'),
        clock,
        term,
        holder: world.ids.hex(4),
        leaseMs: defaults.leaseMs,
      },
      forever,
    )
    const deps: Deps = {
      store: gate.port('store', world.witness.store(await world.openStore()), 'own'),
      clock,
      engine: gate.port('engine', world.holding(engine), 'outside', {
        streams: ['logs'],
        letThrough: world.holding(world.cluster.engine()),
      }),
      edges: gate.port('edges', world.witness.edges(world.edges.edges(term)), 'outside', {
        streams: ['watch', 'routerLog'],
      }),
      repositories: gate.port('repositories', world.witness.repositories(world.repositories), 'own', {
        streams: ['archive'],
      }),
      builder: gate.port('builder', world.builder, 'outside'),
      ids: world.ids,
      limits: () => defaultLimits,
      seal: text => new TextEncoder().encode(text),
      urlOf: host => `https://${host}`,
      hosts: ({ app }: EnvironmentKey) => [parseHostName(`${app}.example.com`)],
      certify: async () => undefined,
      forgetStrangers: async () => undefined,
      quiet: signal => lease.quiet(signal),
      forgetLines: async () => undefined,
      log: (event, facts) => world.log.push(`${Math.round(world.clock.monotonic())} ${event} ${JSON.stringify(facts)}`),
      network: key => [spaceNetwork(key), environmentLabels(key)],
    }
    if (world.isRestored) await bringBack(deps, lease.signal)
    world.isRestored = false
    await recoverFromCluster(
      { ...deps, isOurs: () => true, open: sealed => new TextDecoder().decode(sealed) },
      lease.signal,
    )
    const pipeline = new Dispatcher(this.#plant(deps, world), lease.signal)
    await pipeline.recover()
    this.pipeline = pipeline
  }
}
