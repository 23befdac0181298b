import type { Clock } from '../../src/core/clock.ts'
import { AppError } from '../../src/core/errors.ts'
import type { Labels } from '../../src/core/labels.ts'
import { FakeProcesses, type Behaviour, type FakeProcess } from './processes.ts'
import type {
  ConfigView,
  Engine,
  LogLine,
  LogOptions,
  OneOffSpec,
  ServiceSpec,
  TaskView,
} from '../../src/docker/engine.ts'

/**
 * The number that every changing call carries (law: one-control-plane-writes); shared by all adapters of one control
 * plane.
 */
interface Term {
  readonly current: number
}

interface Service {
  readonly spec: ServiceSpec
  readonly createdAt: number
}

/**
 * A Swarm in memory. It outlives the control planes that use it: each gets its own client by `engine(term)`, and a lower
 * term than the highest seen is refused, as keepers do. Effects happen at once; delays, lost answers and crashes are
 * made by the gate in front of it (test/simulation/gate.ts), which treats every port alike. What runs, and what the
 * edges may see of it, is `processes`.
 */
export class FakeCluster {
  readonly processes: FakeProcesses
  readonly #clock: Clock
  readonly #services = new Map<string, Service>()
  readonly #networks = new Map<string, Labels>()
  readonly #configs = new Map<string, ConfigView>()
  #highestTerm = 0
  /** Raft's index: every change of a config takes the next one. */
  #index = 10

  constructor(options: {
    clock: Clock
    behaviourOf?: (image: string, command: readonly string[] | null) => Behaviour
  }) {
    this.#clock = options.clock
    this.processes = new FakeProcesses(options.clock, options.behaviourOf)
  }

  /** Names of everything that is there, for "no orphan of any kind". */
  inventory(): { services: string[]; networks: string[]; configs: string[]; containers: string[] } {
    return {
      services: [...this.#services.keys()],
      networks: [...this.#networks.keys()],
      configs: [...this.#configs.keys()],
      containers: this.processes.oneOffs().map(one => one.name),
    }
  }

  /** One control plane's client. Without `term` nothing is refused. */
  engine(term?: Term): Engine {
    const change = (signal: AbortSignal) => {
      signal.throwIfAborted()
      if (term === undefined) return
      if (term.current < this.#highestTerm) {
        throw new AppError('lease-lost', `term ${term.current} is over: ${this.#highestTerm} was seen`)
      }
      this.#highestTerm = term.current
    }
    const read = (signal: AbortSignal) => signal.throwIfAborted()
    return {
      createService: async (spec, signal) => (change(signal), this.#createService(spec)),
      removeService: async (name, signal) => (change(signal), this.#removeService(name)),
      listServices: async (labels, signal) => (read(signal), this.#listServices(labels)),
      haltService: async (name, labels, signal) => (change(signal), this.#haltService(name, labels)),
      diskUse: async signal => (read(signal), this.processes.diskUse()),
      removeContainer: async (id, signal) => (change(signal), this.processes.remove(id)),
      listTasks: async (service, signal) => (read(signal), this.#listTasks(service)),
      ensureNetwork: async (name, labels, signal) => {
        change(signal)
        if (!this.#networks.has(name)) this.#networks.set(name, labels)
      },
      removeNetwork: async (name, signal) => (change(signal), this.#removeNetwork(name)),
      listNetworks: async (labels, signal) => {
        read(signal)
        return [...this.#networks].flatMap(([name, own]) => (carries(own, labels) ? [{ name, labels: own }] : []))
      },
      createConfig: async (name, labels, data, signal) => {
        change(signal)
        if (this.#configs.has(name)) return
        const index = ++this.#index
        this.#configs.set(name, { id: `c${index}`, name, version: index, labels, data })
      },
      listConfigs: async (labels, signal) => {
        read(signal)
        return [...this.#configs.values()].filter(config => carries(config.labels, labels))
      },
      removeConfig: async (name, signal) => {
        change(signal)
        this.#configs.delete(name)
      },
      swapConfigLabels: async (id, version, labels, signal) => {
        change(signal)
        this.#swapConfigLabels(id, version, labels)
      },
      startOneOff: async (spec, signal) => (change(signal), this.#startOneOff(spec)),
      inspectOneOff: async (name, signal) => {
        read(signal)
        const one = this.processes.oneOff(name)
        if (one === undefined) return null
        return { running: one.state === 'running', exitCode: one.exitCode, outOfMemory: one.outOfMemory }
      },
      removeOneOff: async (name, signal) => {
        change(signal)
        this.processes.removeOneOff(name)
      },
      listOneOffs: async (labels, signal) => {
        read(signal)
        return this.processes
          .oneOffs()
          .filter(one => carries(one.labels, labels))
          .map(one => one.name)
      },
      logs: (container, options, signal) => this.#logs(container, options, signal),
    }
  }

  #createService(spec: ServiceSpec): void {
    if (this.#services.has(spec.name)) return
    for (const network of [spec.network, ...(spec.moreNetworks ?? [])]) this.#requireNetwork(network)
    this.#services.set(spec.name, { spec, createdAt: this.#clock.now() })
    this.processes.startService(spec)
  }

  #removeService(name: string): void {
    const service = this.#services.get(name)
    if (service === undefined) return
    this.#services.delete(name)
    this.processes.stopService(name, service.spec.stopSeconds * 1000)
  }

  #haltService(name: string, labels: Labels): void {
    const service = this.#services.get(name)
    if (service === undefined) return
    const spec = { ...service.spec, labels: { ...service.spec.labels, ...labels }, replicas: 0 }
    this.#services.set(name, { ...service, spec })
    this.processes.stopService(name, spec.stopSeconds * 1000)
  }

  #listServices(labels: Labels) {
    return [...this.#services.values()]
      .filter(({ spec }) => carries(spec.labels, labels))
      .map(({ spec, createdAt }) => ({ name: spec.name, labels: spec.labels, replicas: spec.replicas, createdAt }))
  }

  #listTasks(service: string): readonly TaskView[] {
    return this.#services.has(service) ? this.processes.tasks(service) : []
  }

  #removeNetwork(name: string): void {
    const attached = this.processes.all().some(process => process.network === name && process.state !== 'exited')
    const promised = [...this.#services.values()].some(({ spec }) => spec.network === name)
    if (attached || promised) {
      throw new AppError('conflict', `network ${name} has active endpoints`, { retryable: true })
    }
    this.#networks.delete(name)
  }

  #swapConfigLabels(id: string, version: number, labels: Labels): void {
    const config = [...this.#configs.values()].find(one => one.id === id)
    if (config === undefined) throw new AppError('not-found', `config ${id} not found`)
    if (config.version !== version) throw new AppError('conflict', 'update out of sequence', { retryable: true })
    this.#configs.set(config.name, { ...config, labels, version: ++this.#index })
  }

  #startOneOff(spec: OneOffSpec): void {
    if (this.processes.oneOff(spec.name) !== undefined) return
    for (const network of [spec.network, ...(spec.moreNetworks ?? [])]) this.#requireNetwork(network)
    this.processes.startOneOff(spec)
  }

  #requireNetwork(name: string): void {
    if (!this.#networks.has(name)) throw new AppError('not-found', `network ${name} not found`)
  }

  async *#logs(container: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    signal.throwIfAborted()
    const process = this.processes.all().find(one => one.container === container || one.name === container)
    if (process === undefined) throw new AppError('not-found', `no such container: ${container}`)
    const from = options.tail === undefined ? 0 : Math.max(0, process.lines.length - options.tail)
    for (const text of process.lines.slice(from)) {
      yield { time: new Date(process.startedAt).toISOString().replace('Z', '000000Z'), stream: 'stdout', text }
    }
    if (options.follow) await this.processes.exited(process, signal)
  }
}

function carries(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value)
}

export type { Behaviour, FakeProcess }
