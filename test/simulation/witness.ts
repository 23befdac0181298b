import type { Clock } from '../../src/core/clock.ts'
import { environmentId, label } from '../../src/core/labels.ts'
import { assertStep, type RunState } from '../../src/core/states.ts'
import type { FakeCluster, FakeProcess } from '../../src/docker/fake.ts'
import type { Edges, Route } from '../../src/edge/edges.ts'
import type { FakeEdges } from '../../src/edge/fake.ts'
import type { Store } from '../../src/store/store.ts'

/** Requests of the release before run on for so long after a switch (ms). */
const requestMs = 900

interface Watched {
  readonly clock: Clock
  readonly cluster: FakeCluster
  readonly edges: FakeEdges
  /** The story, for whoever looks for a cause. */
  readonly say: (line: string) => void
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
  readonly #say: (line: string) => void

  constructor({ clock, cluster, edges, say }: Watched) {
    this.#say = line => say(`${Math.round(clock.monotonic())} ${line}`)
    this.#clock = clock
    this.#cluster = cluster
    this.#edges = edges
    cluster.processes.onChange(() => this.#observeProcesses())
  }

  /** The edges, watched: a switch from a release that answers to one without proof is a dropped request. */
  edges(door: Edges): Edges {
    return {
      ...door,
      route: async (route, signal) => {
        const host = route.hosts[0] ?? ''
        const answered = (this.#edges.takers(host) ?? []).length > 0
        await door.route(route, signal)
        const answers = (this.#edges.takers(host) ?? []).length > 0
        if (answered && !answers)
          this.#note(`${environmentId(route)}: traffic moved to v${route.release} without proof`)
        this.#say(`traffic of ${environmentId(route)} to v${route.release}`)
        this.#moved(route)
      },
      unroute: async (key, signal) => {
        await door.unroute(key, signal)
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
        return row
      },
      advanceRun: async (id, from, to, facts) => {
        const row = await store.advanceRun(id, from, to, facts)
        assertStep(this.states.get(id) ?? 'queued', to)
        this.states.set(id, to)
        this.stage = to
        this.#say(`run ${id}${row.release === null ? '' : ` (v${row.release})`}: ${to}, ${facts.reason}`)
        return row
      },
    }
  }

  #moved(route: Route): void {
    const before = this.#routes.get(environmentId(route))
    this.#routes.set(environmentId(route), route)
    if (before === undefined || before.release === route.release) return
    this.#edges.setInFlight(before, 1)
    void this.#clock.sleep(requestMs).then(() => this.#edges.setInFlight(before, 0))
  }

  #observeProcesses(): void {
    for (const process of this.#cluster.processes.all()) {
      if (process.stopping && process.state === 'running' && this.#serves(process)) {
        this.#note(`${process.name} was told to stop while its release serves`)
      }
    }
  }

  #serves({ labels, hostPort }: FakeProcess): boolean {
    if (hostPort === null) return false
    const route = this.#routes.get(`${labels[label.app]}/${labels[label.environment]}`)
    return route !== undefined && String(route.release) === labels[label.release]
  }

  #note(what: string): void {
    this.violations.add(what)
  }
}
