import type { Repositories } from '../../src/commit/repository.ts'
import type { Clock } from '../../src/core/clock.ts'
import { environmentId, label } from '../../src/core/labels.ts'
import type { EnvironmentKey } from '../../src/core/names.ts'
import type { Run } from '../../src/core/run.ts'
import { isFinal, isStep, serves, wentLive, type RunState } from '../../src/core/states.ts'
import type { FakeCluster, FakeProcess } from '../doubles/engine.ts'
import type { Edges, Route } from '../../src/edge/edges.ts'
import type { FakeEdges } from '../doubles/edges.ts'
import type { RestoredApp, Store } from '../../src/store/store.ts'

/** Requests of the release before run on for so long after a switch (ms): short ones, or an upload longer than the observation window. */
const requestMs = (release: number) => (release % 2 === 0 ? 900 : 11_000)

interface Watched {
  readonly clock: Clock
  readonly cluster: FakeCluster
  readonly edges: FakeEdges
  /** The story, for whoever looks for a cause. */
  readonly say: (line: string) => void
}

/** Releases as the rows tell of them, for one environment. */
interface Ledger {
  /** By the release's number. */
  readonly states: Map<number, RunState>
  /** Those that the law has given free: they may be stopped. */
  readonly freed: Set<number>
}

/** Sees every effect on the world, and notes what must never happen, at the moment it happens. */
export class Witness {
  readonly violations = new Set<string>()
  /** The newest state of each run. */
  readonly states = new Map<string, RunState>()
  /** State of the run that moved last. */
  stage = 'idle'
  readonly #clock: Clock
  readonly #cluster: FakeCluster
  readonly #edges: FakeEdges
  readonly #routes = new Map<string, Route>()
  readonly #ledgers = new Map<string, Ledger>()
  /** The newest automatic rollback of each environment. */
  readonly #rollbacks = new Map<string, string>()
  readonly #inFlight = new Set<string>()
  readonly #stopping = new Set<string>()
  readonly #say: (line: string) => void
  /** Web processes of each lane: traffic that was scaled to zero goes nowhere on purpose. */
  readonly #sizes = new Map<string, number>()

  constructor({ clock, cluster, edges, say }: Watched) {
    this.#say = line => say(`${Math.round(clock.monotonic())} ${line}`)
    this.#clock = clock
    this.#cluster = cluster
    this.#edges = edges
    cluster.processes.onChange(() => this.#observeProcesses())
  }

  /** What it has seen of the rows: they were restored, and a row does not forget. */
  remember(other: Witness): void {
    for (const [run, state] of other.states) this.states.set(run, state)
    for (const [key, ledger] of other.#ledgers) this.#ledgers.set(key, ledger)
    for (const [key, rollback] of other.#rollbacks) this.#rollbacks.set(key, rollback)
    for (const violation of other.violations) this.violations.add(violation)
  }

  /** The edges, watched: a switch from a release that answers to one without proof is a dropped request. */
  edges(inner: Edges): Edges {
    return {
      ...inner,
      allocate: async (lane, signal) => {
        await inner.allocate(lane, signal)
        this.#sizes.set(`${environmentId(lane)} v${lane.release}`, lane.processes)
      },
      route: async (route, signal) => {
        const host = route.hosts[0] ?? ''
        const answered = (this.#edges.takers(host) ?? []).length > 0
        await inner.route(route, signal)
        const answers = (this.#edges.takers(host) ?? []).length > 0
        const state = this.#ledger(route).states.get(route.release)
        if (state === undefined || !mayTakeTraffic.includes(state))
          this.note(`${environmentId(route)}: traffic moved to v${route.release} while its run was ${state}`)
        const isEmpty = this.#sizes.get(`${environmentId(route)} v${route.release}`) === 0
        if (answered && !answers && !isEmpty && !this.#hasCrashed(route))
          this.note(`${environmentId(route)}: traffic moved to v${route.release} without proof`)
        this.#say(`traffic of ${environmentId(route)} to v${route.release}`)
        this.#moved(route)
      },
      unroute: async (key, signal) => {
        await inner.unroute(key, signal)
        this.#routes.delete(environmentId(key))
      },
    }
  }

  /** The store, watched: states never move backwards, whoever writes them. */
  store(store: Store): Store {
    return {
      ...store,
      insertRun: async run => {
        const row = await store.insertRun(run)
        this.states.set(row.id, row.state)
        this.stage = row.state
        this.#say(`run ${row.id} of ${row.app}: ${row.intent.kind}`)
        if (row.intent.kind === 'rollback' && row.intent.automatic) this.#rollingBack(row)
        return row
      },
      markAppDestroyed: async (app, now) => {
        await store.markAppDestroyed(app, now)
        for (const [id, { states }] of this.#ledgers) if (id.startsWith(`${app}/`)) states.clear()
      },
      restore: async apps => {
        await store.restore(apps)
        this.#restored(apps)
      },
      advanceRun: async (id, from, to, facts) => {
        const row = await store.advanceRun(id, from, to, facts)
        const before = this.states.get(id) ?? 'queued'
        if (!isStep(before, to)) this.note(`run ${id} went from ${before} to ${to}`)
        this.states.set(id, to)
        this.stage = to
        if (row.release !== null) this.#rowMoved(row, row.release)
        this.#say(`run ${id}${row.release === null ? '' : ` (v${row.release})`}: ${to}, ${facts.reason}`)
        return row
      },
    }
  }

  /** All that was known is forgotten; what the rows say now is where states go on from. */
  #restored(apps: readonly RestoredApp[]): void {
    this.states.clear()
    this.#ledgers.clear()
    this.#rollbacks.clear()
    for (const { run, release } of apps.flatMap(app => app.environments.flatMap(one => one.runs))) {
      this.states.set(run.id, run.state)
      this.#say(`run ${run.id} (v${release.number}) read back: ${run.state}, ${run.reason}`)
      this.#rowMoved(run, release.number)
    }
  }

  /** Git, watched: without force a branch never leaves what it had. */
  repositories(real: Repositories): Repositories {
    const moveBranch: Repositories['moveBranch'] = async (app, branch, move, signal) => {
      const before = await real.branch(app, branch, signal)
      await real.moveBranch(app, branch, move, signal)
      if (before === null || move.to === null || (await real.isAncestor(app, before, move.to, signal))) return
      this.note(`${branch} of ${app} lost ${before.slice(0, 7)} without force`)
    }
    return new Proxy(real, {
      get: (target, name) => (name === 'moveBranch' ? moveBranch : bound(Reflect.get(target, name), target)),
    })
  }

  note(what: string): void {
    this.violations.add(what)
  }

  #moved(route: Route): void {
    const before = this.#routes.get(environmentId(route))
    this.#routes.set(environmentId(route), route)
    if (before === undefined || before.release === route.release) return
    const id = `${environmentId(before)}/${before.release}`
    this.#inFlight.add(id)
    this.#edges.setInFlight(before, 1)
    void this.#clock.sleep(requestMs(before.release)).then(() => {
      this.#inFlight.delete(id)
      this.#edges.setInFlight(before, 0)
    })
  }

  #rollingBack(run: Run): void {
    const before = this.#rollbacks.get(environmentId(run))
    if (before !== undefined && !isOver(this.states.get(before)))
      this.note(`${environmentId(run)}: an automatic rollback was made twice`)
    this.#rollbacks.set(environmentId(run), run.id)
  }

  #ledger(key: EnvironmentKey): Ledger {
    const ledger = this.#ledgers.get(environmentId(key)) ?? { states: new Map(), freed: new Set() }
    this.#ledgers.set(environmentId(key), ledger)
    return ledger
  }

  /** A run's row has moved: what it says of releases. */
  #rowMoved(run: Run, release: number): void {
    const { states, freed } = this.#ledger(run)
    states.set(release, run.state)
    const route = this.#routes.get(environmentId(run))
    if (run.state === 'live' && route && route.release !== release)
      this.note(`${environmentId(run)}: v${release} was called live while v${route.release} had the traffic`)
    if (run.state === 'failed-after-live') freed.add(release)
    // What went live may fail by itself, and have a rollback of its own.
    if (run.state === 'live') this.#rollbacks.delete(environmentId(run))
    // Live: the one before stays warm, those before it need not. Settled: none before it need.
    const older = [...states].filter(([number, state]) => number < release && serves(state)).map(([number]) => number)
    const warm = Math.max(...older)
    for (const number of older)
      if (run.state === 'settled' || (run.state === 'live' && number !== warm)) freed.add(number)
  }

  #observeProcesses(): void {
    for (const process of this.#cluster.processes.all()) {
      if (!process.stopping || this.#stopping.has(process.container)) continue
      this.#stopping.add(process.container)
      const environment = `${process.labels[label.app]}/${process.labels[label.environment]}`
      const release = Number(process.labels[label.release])
      if (this.#serves(process)) this.note(`${process.name} was told to stop while its release serves`)
      if (this.#inFlight.has(`${environment}/${release}`))
        this.note(`${process.name} was told to stop with a request in flight`)
      const ledger = this.#ledgers.get(environment)
      if (ledger && isWarm(ledger, release))
        this.note(`${process.name} was told to stop before the release after it had settled`)
    }
  }

  /** It may have had proof when the switch was sent. */
  #hasCrashed(route: Route): boolean {
    const isOurs = ({ labels }: FakeProcess) =>
      labels[label.app] === route.app && labels[label.release] === String(route.release)
    return this.#cluster.processes.all().some(one => isOurs(one) && one.state === 'exited' && !one.stopping)
  }

  #serves({ labels, hostPort }: FakeProcess): boolean {
    if (hostPort === null) return false
    const route = this.#routes.get(`${labels[label.app]}/${labels[label.environment]}`)
    return route !== undefined && String(route.release) === labels[label.release]
  }
}

const mayTakeTraffic: readonly RunState[] = ['proven', 'live', 'settled']

/** The one that traffic would go back to: it served before the release that serves now, which is not settled yet. */
function isWarm({ states, freed }: Ledger, release: number): boolean {
  if (freed.has(release)) return false
  const served = [...states].filter(([, state]) => serves(state)).toSorted(([a], [b]) => b - a)
  const [newest, before] = served
  return newest?.[1] === 'live' && before?.[0] === release
}

function isOver(state: RunState | undefined): boolean {
  return state !== undefined && (isFinal(state) || wentLive(state))
}

function bound(value: unknown, target: object): unknown {
  return typeof value === 'function' ? (value as (...values: unknown[]) => unknown).bind(target) : value
}
