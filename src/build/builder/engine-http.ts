import type { Duplex } from 'node:stream'

export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Without version: `/containers/create`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** What the builder needs of the engine's API. Rejects `AppError`: `not-found`, `conflict`, `unavailable`, … */
export interface EngineHttp {
  /** The answer's JSON; null for an empty answer. */
  json(call: EngineCall, signal: AbortSignal): Promise<unknown>
  /** A raw connection after `101 Switching Protocols`; ending its writing side leaves the reading side open. */
  upgrade(call: EngineCall, signal: AbortSignal): Promise<Duplex>
}
