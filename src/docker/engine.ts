import type { Labels } from '../core/labels.ts'
import type { NodeName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'

/**
 * The cluster as the control plane uses it: only the verbs we need. Every call that changes something carries the
 * lease's term and is refused by the keeper with `lease-lost` when a higher term was seen (law:
 * one-control-plane-writes). Every call ends with the signal's reason when it is aborted. Errors: `unavailable`
 * (retryable) when no engine answers. One contract suite runs on the fake and on a real engine:
 * test/contract/engine.contract.ts.
 */
export interface Engine {
  /**
   * Creates a swarm service, then reads it back. A second call with the same name returns what is there and changes
   * nothing. Rejects `internal` when a policy field was dropped by the engine (law: one-container-policy).
   */
  createService(spec: ServiceSpec, signal: AbortSignal): Promise<void>
  /** Asks for removal; the processes get SIGTERM, the grace, SIGKILL. No error when it is gone already. */
  removeService(name: string, signal: AbortSignal): Promise<void>
  /** All swarm services that carry every one of these labels. */
  listServices(labels: Labels, signal: AbortSignal): Promise<readonly ServiceView[]>
  /**
   * Sets the replicas to 0 and adds these labels, in one update: whoever sees the labels knows that nothing starts again.
   * No error when the service is gone.
   */
  haltService(name: string, labels: Labels, signal: AbortSignal): Promise<void>
  /** Tasks of one swarm service, newest first; empty when the service is gone. */
  listTasks(service: string, signal: AbortSignal): Promise<readonly TaskView[]>

  /** A space's overlay network, attachable. Creating twice gives one. */
  ensureNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<void>
  /** No error when it is gone; `conflict` (retryable) while something is still attached. */
  removeNetwork(name: string, signal: AbortSignal): Promise<void>
  /** Networks that carry every one of these labels. */
  listNetworks(labels: Labels, signal: AbortSignal): Promise<readonly NetworkView[]>

  /** A Swarm config; creating twice gives one (the first data stays). */
  createConfig(name: string, labels: Labels, data: Uint8Array, signal: AbortSignal): Promise<void>
  listConfigs(labels: Labels, signal: AbortSignal): Promise<readonly ConfigView[]>
  removeConfig(name: string, signal: AbortSignal): Promise<void>
  /** Compare-and-swap of a config's labels on its version, for the lease. Rejects `conflict` when it moved. */
  swapConfigLabels(id: string, version: number, labels: Labels, signal: AbortSignal): Promise<void>

  /**
   * Starts a one-off container by a deterministic name (release phase, `run`); it is kept until removed, so that its
   * exit code can be read after a crash. A second call with the same name starts nothing.
   */
  startOneOff(spec: OneOffSpec, signal: AbortSignal): Promise<void>
  /** Null when no container of that name exists. */
  inspectOneOff(name: string, signal: AbortSignal): Promise<OneOffView | null>
  removeOneOff(name: string, signal: AbortSignal): Promise<void>
  /** One-offs that carry these labels. */
  listOneOffs(labels: Labels, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Containers of the platform's and of apps, ended ones too, with what each has written: into its own layer, and into
   * volumes that its image declares. The engine walks all of their files for it: not for every day.
   */
  diskUse(signal: AbortSignal): Promise<readonly ContainerDisk[]>
  /** Kills it if it runs and frees its disk at once; Swarm makes another one unless its service was halted. No error when it is gone. */
  removeContainer(id: string, signal: AbortSignal): Promise<void>
  /** Lines of a one-off or a process, from the start or the last `tail`; ends with the container, or at once without `follow`. */
  logs(container: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>
}

export interface LogOptions {
  readonly node?: NodeName
  readonly tail?: number
  readonly follow?: boolean
  /** Seconds since the epoch. */
  readonly since?: number
}

export interface LogLine {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/** Computed by src/rollout/spec.ts; the adapter turns it into the engine's own JSON. */
export interface ServiceSpec {
  readonly name: string
  readonly labels: Labels
  readonly image: string
  /** Null: the image's own command. Otherwise an argument array. */
  readonly command: readonly string[] | null
  readonly env: Readonly<Record<string, string | Secret>>
  readonly replicas: number
  readonly network: string
  /** Of backing services that it is attached to. */
  readonly moreNetworks?: readonly string[]
  /** A named volume, made with these labels where there is none; its process stays on the node that has it. */
  readonly volume?: ServiceVolume
  /** Port inside the container, published in host mode without a fixed number; null: the type has no port. */
  readonly port: number | null
  readonly stopSeconds: number
  readonly policy: ContainerPolicy
}

/** One object for services, one-offs, builds and CI steps (law: one-container-policy). */
export interface ContainerPolicy {
  readonly memory: number
  /** Bytes that must be unreserved on a node before Swarm places a process there; absent: none, and never "no room". */
  readonly reservedMemory?: number
  readonly cpus: number
  readonly pids: number
  readonly tmpBytes: number
  readonly openFiles: number
  readonly dropCapabilities: readonly string[]
}

export interface ServiceVolume {
  readonly name: string
  readonly target: string
  readonly labels: Labels
  readonly node: NodeName
}

export interface OneOffSpec {
  readonly name: string
  readonly labels: Labels
  readonly image: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | Secret>>
  readonly network: string
  readonly moreNetworks?: readonly string[]
  readonly policy: ContainerPolicy
  /** Runs as the image's own user; where that is root, as 65534 (nobody). Absent: as the image says. */
  readonly neverRoot?: boolean
}

export interface ServiceView {
  readonly name: string
  readonly labels: Labels
  readonly replicas: number
  readonly createdAt: number
}

export interface TaskView {
  readonly id: string
  readonly slot: number
  readonly node: string | null
  readonly container: string | null
  readonly state: string
  /** Swarm's own text: `no suitable node (…)`, `No such image: …`. */
  readonly error: string | null
  readonly exitCode: number | null
}

export interface ContainerDisk {
  readonly container: string
  /** Of the swarm service; null for one-offs. */
  readonly service: string | null
  readonly labels: Labels
  readonly bytes: number
}

export interface ConfigView {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly labels: Labels
  readonly data: Uint8Array
}

export interface NetworkView {
  readonly name: string
  readonly labels: Labels
}

export interface OneOffView {
  readonly running: boolean
  readonly exitCode: number | null
  readonly outOfMemory: boolean
}
