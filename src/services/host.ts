import type { Labels } from '../core/labels.ts'

/** A program in a running service, and what it reads. */
export interface ServiceProgram {
  /** Name of the swarm service. */
  readonly object: string
  readonly command: readonly string[]
  readonly input?: AsyncIterable<Uint8Array>
}

/** The node that has a service's data, as the services need it. Adapter: src/docker/service-host.ts. */
export interface ServiceHost {
  /** Making twice gives one. */
  ensureVolume(name: string, labels: Labels, signal: AbortSignal): Promise<void>
  hasVolume(name: string, signal: AbortSignal): Promise<boolean>
  /** No error when it is gone; refuses one without our label; `conflict` (retryable) while a container has it. */
  removeVolume(name: string, signal: AbortSignal): Promise<void>
  /**
   * What the program says on standard output. Rejects `unavailable` when the service does not run or the program fails,
   * with its last lines as details; when `input` fails, with that. Leaving the loop closes its input.
   */
  run(program: ServiceProgram, signal: AbortSignal): AsyncIterable<Uint8Array>
}
