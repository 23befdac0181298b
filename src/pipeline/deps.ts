import type { Builder } from '../build/builder.ts'
import type { Clock, Ids } from '../core/clock.ts'
import type { Labels } from '../core/labels.ts'
import type { Limits } from '../core/limits.ts'
import type { DomainName, EnvironmentKey, HostName } from '../core/names.ts'
import type { Repositories } from '../commit/repository.ts'
import type { Engine } from '../docker/engine.ts'
import type { Edges } from '../edge/edges.ts'
import type { Seal } from '../release/make-release.ts'
import type { Store } from '../store/store.ts'

/** Everything the pipeline reaches the world through. Ports only: the simulation gives it fakes. */
export interface Deps {
  readonly store: Store
  readonly engine: Engine
  readonly edges: Edges
  readonly repositories: Repositories
  readonly builder: Builder
  readonly clock: Clock
  readonly ids: Ids
  readonly seal: Seal
  /** What the operator has set, else the defaults: asked each time. */
  readonly limits: () => Limits
  /** The hosts that the platform gives an environment; its domains are rows. */
  readonly hosts: (key: EnvironmentKey) => readonly HostName[]
  /** As people open it. */
  readonly urlOf: (host: HostName) => string
  /** Certificates for hosts that have none yet; no error when they are there. */
  readonly certify: (hosts: readonly DomainName[], signal: AbortSignal) => Promise<void>
  /** Certificates and keys of names that no one has any more go; no error when there are none. */
  readonly forgetStrangers: (signal: AbortSignal) => Promise<void>
  /**
   * Resolves when nothing of an earlier control plane can be under way any more; awaited before the first delete (law:
   * one-control-plane-writes).
   */
  readonly quiet: (signal: AbortSignal) => Promise<void>
  /** Removes the kept log lines of an environment that is gone. */
  readonly forgetLines: (key: EnvironmentKey, signal: AbortSignal) => Promise<void>
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
  readonly network: (key: EnvironmentKey) => [name: string, labels: Labels]
}
