import type { Clock } from '../../src/core/clock.ts'
import { AppError } from '../../src/core/errors.ts'
import { environmentId, label } from '../../src/core/labels.ts'
import { web, type EnvironmentKey, type DomainName } from '../../src/core/names.ts'
import type { Secret } from '../../src/core/secret.ts'
import type { FakeProcess, FakeProcesses } from './processes.ts'
import type { LogLine } from '../../src/docker/engine.ts'
import {
  sameEnvironment,
  type Edges,
  type EnvironmentView,
  type ProcessView,
  type ReleaseKey,
} from '../../src/edge/edges.ts'
import {
  withChallenge,
  edgeState,
  emptyModel,
  refilled,
  withHttpsOnly,
  withLane,
  withoutLane,
  withoutRoute,
  withRoute,
  withSourceLimits,
} from '../../src/proxy/model.ts'
import { Wakeup } from '../../src/lib/async/wakeup.ts'

export interface FakeEdgesOptions {
  readonly processes: FakeProcesses
  readonly clock: Clock
  /** From the moment a process listens to its proof (ms). */
  readonly proofMs?: number
}

/** The number that every changing call carries; shared by all adapters of one control plane. */
interface Term {
  readonly current: number
}

/**
 * All edges and keepers in memory, with the laws of the real ones: the same model of lanes and routes, admission on the
 * word of the engine (`FakeProcesses`), proof only for the very container. They outlive the control planes that use
 * them: each gets its own client by `edges(term)`. Effects happen at once; delays, refusals, lost answers and crashes are
 * made by the gate in front of it, which treats every port alike.
 */
export class FakeEdges {
  readonly #processes: FakeProcesses
  readonly #clock: Clock
  readonly #proofMs: number
  readonly #proofs = new Map<string, 'checking' | 'proven'>()
  readonly #wakeups = new Set<Wakeup>()
  readonly #inFlight = new Map<string, number>()
  readonly #log = new Map<string, LogLine[]>()
  readonly #certificates = new Map<DomainName, Secret>()
  #model = emptyModel

  constructor({ processes, clock, proofMs = 100 }: FakeEdgesOptions) {
    this.#processes = processes
    this.#clock = clock
    this.#proofMs = proofMs
    processes.onChange(() => this.#changed())
  }

  /** One control plane's client. Without `term` nothing is refused. */
  edges(term?: Term): Edges {
    const change = (signal: AbortSignal, work: () => void) => {
      signal.throwIfAborted()
      if (term && term.current < this.#model.term) {
        throw new AppError('lease-lost', `term ${term.current} is over: term ${this.#model.term} has been seen`)
      }
      if (term) this.#model = { ...this.#model, term: term.current }
      work()
      this.#changed()
    }
    return {
      allocate: async (lane, signal) =>
        change(signal, () => (this.#model = withLane(refilled(this.#model), lane, free => free[0]))),
      release: async (release, signal) => change(signal, () => (this.#model = withoutLane(this.#model, release))),
      route: async (route, signal) => change(signal, () => (this.#model = withRoute(this.#model, route))),
      unroute: async (key, signal) => change(signal, () => (this.#model = withoutRoute(this.#model, key))),
      certify: async (host, pem, signal) =>
        change(signal, () => {
          this.#certificates.set(host, pem)
          this.#model = { ...this.#model, certificates: [...this.#certificates.keys()] }
        }),
      onlyHttps: async (host, isOn, signal) =>
        change(signal, () => (this.#model = withHttpsOnly(this.#model, host, isOn))),
      uncertify: async (host, signal) =>
        change(signal, () => {
          this.#certificates.delete(host)
          const certificates = [...this.#certificates.keys()]
          this.#model = withHttpsOnly({ ...this.#model, certificates }, host, false)
        }),
      limitSources: async (limits, signal) =>
        change(signal, () => (this.#model = withSourceLimits(this.#model, limits))),
      challenge: async (token, answer, signal) =>
        change(signal, () => (this.#model = withChallenge(this.#model, token, answer))),
      state: async signal => (signal.throwIfAborted(), edgeState(this.#model)),
      watch: (key, signal) => this.#watch(key, signal),
      listening: async (process, signal) => (signal.throwIfAborted(), this.#listening(process)),
      routerLog: (key, options, signal) => this.#routerLog(key, options, signal),
    }
  }

  /** What any host answers to a CA that asks for this token. */
  answerTo(token: string): string | null {
    return this.#model.challenges[token] ?? null
  }

  /** Processes that a request for this host may reach now; null: no such host (404). For the invariants. */
  takers(host: string): readonly FakeProcess[] | null {
    const having = (name: string) => this.#model.routes.find(one => (one.hosts as readonly string[]).includes(name))
    const route = having(host) ?? having(host.replace(/^[^.]*/, '*'))
    if (!route) return null
    return this.#processes.all().filter(one => this.#isOf(one, route) && this.#proofs.get(one.container) === 'proven')
  }

  /** Requests that are under way in a release's lane, until another number is told. */
  setInFlight(release: ReleaseKey, count: number): void {
    this.#inFlight.set(releaseId(release), count)
    this.#changed()
  }

  /** One line of the router, as if a request had been answered. */
  logged(key: EnvironmentKey, text: string): void {
    const line: LogLine = { time: new Date(this.#clock.now()).toISOString(), stream: 'stdout', text }
    this.#log.set(environmentId(key), [...(this.#log.get(environmentId(key)) ?? []), line])
    this.#changed()
  }

  certificateOf(host: DomainName): Secret | undefined {
    return this.#certificates.get(host)
  }

  #changed(): void {
    this.#admit()
    for (const wakeup of this.#wakeups) wakeup.wake()
  }

  /** Checks begin for whoever runs and has a lane; they end with the process or the lane. */
  #admit(): void {
    const present = new Set<string>()
    for (const process of this.#processes.all()) {
      if (!this.#hasLane(process)) continue
      present.add(process.container)
      if (this.#proofs.has(process.container)) continue
      this.#proofs.set(process.container, 'checking')
      if (process.listensAt !== null) void this.#prove(process, process.listensAt)
    }
    for (const container of this.#proofs.keys()) if (!present.has(container)) this.#proofs.delete(container)
  }

  async #prove(process: FakeProcess, listensAt: number): Promise<void> {
    await this.#clock.sleep(Math.max(0, listensAt - this.#clock.now()) + this.#proofMs)
    // It may have ended, or its lane may have been released, while the check was under way.
    if (this.#proofs.get(process.container) !== 'checking' || !this.#hasLane(process)) return
    this.#proofs.set(process.container, 'proven')
    this.#changed()
  }

  #hasLane(process: FakeProcess): boolean {
    if (process.state !== 'running' || process.hostPort === null || process.labels[label.type] !== web) return false
    return this.#model.lanes.some(lane => this.#isOf(process, lane.spec))
  }

  #isOf({ labels }: FakeProcess, release: ReleaseKey): boolean {
    const { app, environment } = release
    return (
      labels[label.app] === app &&
      labels[label.environment] === environment &&
      labels[label.release] === String(release.release)
    )
  }

  async *#watch(key: EnvironmentKey, signal: AbortSignal): AsyncIterable<EnvironmentView> {
    const wakeup = new Wakeup(this.#clock)
    this.#wakeups.add(wakeup)
    try {
      let last = ''
      while (!signal.aborted) {
        const view = this.#view(key)
        const text = JSON.stringify(view)
        if (text !== last) yield view
        last = text
        await wakeup.wait(silentMs, signal)
      }
    } finally {
      this.#wakeups.delete(wakeup)
    }
  }

  #view(key: EnvironmentKey): EnvironmentView {
    const lanes = this.#model.lanes.filter(lane => sameEnvironment(lane.spec, key))
    const processes = this.#processes.all().filter(one => isProcessOf(one, key))
    return {
      processes: processes.map(one => this.#process(one)),
      inFlight: Object.fromEntries(
        lanes.map(({ spec }) => [spec.release, this.#inFlight.get(releaseId(spec)) ?? 0] as const),
      ),
    }
  }

  #process(process: FakeProcess): ProcessView {
    const { container, node, labels, state, exitCode, outOfMemory, startedAt, hostPort, slot } = process
    const type = labels[label.type] ?? ''
    const proof = this.#proofs.get(container) ?? 'none'
    return {
      container,
      node,
      release: Number(labels[label.release]),
      type,
      name: `${type}.${slot}`,
      state,
      exitCode,
      outOfMemory,
      startedAt,
      address: hostPort === null || state === 'exited' ? null : `${this.#processes.address}:${hostPort}`,
      proof,
      lastCheck: proof === 'checking' ? 'connection refused' : null,
    }
  }

  #listening({ container }: ProcessView): readonly string[] {
    const process = this.#processes.all().find(one => one.container === container)
    if (!process) throw new AppError('not-found', `no process ${container} is known`)
    const listens = process.state === 'running' && process.listensAt !== null && process.listensAt <= this.#clock.now()
    return listens ? ['0.0.0.0:8080'] : []
  }

  async *#routerLog(
    key: EnvironmentKey,
    { tail, follow }: { readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine> {
    const lines = () => this.#log.get(environmentId(key)) ?? []
    let at = Math.max(0, lines().length - tail)
    const wakeup = new Wakeup(this.#clock)
    this.#wakeups.add(wakeup)
    try {
      while (!signal.aborted) {
        for (const line of lines().slice(at)) {
          at += 1
          yield line
        }
        if (!follow) return
        await wakeup.wait(silentMs, signal)
      }
    } finally {
      this.#wakeups.delete(wakeup)
    }
  }
}

/** The longest sleep without a change (ms): nothing depends on it, a ring always comes. */
const silentMs = 24 * 3_600_000

function isProcessOf({ labels, service }: FakeProcess, key: EnvironmentKey): boolean {
  return service !== null && labels[label.app] === key.app && labels[label.environment] === key.environment
}

function releaseId(release: ReleaseKey): string {
  return `${environmentId(release)}/${release.release}`
}
