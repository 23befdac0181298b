import type { EnvironmentKey } from '../core/names.ts'

/** A line as the follower of a node keeps it (docs/design/logs.md). */
export interface RetainedLine {
  /** RFC 3339 with nanoseconds, UTC: when its writer wrote it. */
  readonly time: string
  /** `web.1`, `router`, or `lading` where the platform itself has something to say about the log. */
  readonly source: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  /** `v3`; null for lines that are of no release. */
  readonly release: string | null
}

export interface RetainedLogsQuery extends EnvironmentKey {
  /** The last so many lines of the past, after the other conditions. */
  readonly tail: number
  /** Then each line as it comes, until the signal. */
  readonly follow: boolean
  /** RFC 3339; only lines from this moment on. */
  readonly since?: string
  /** Process types (`web`), processes (`web.1`), `app` for all processes, `router`, `lading`; all when empty. */
  readonly sources: readonly string[]
}

/** The lines that the node's follower keeps: of processes that run and of those that are gone. */
export interface RetainedLogs {
  /** Ends by itself without `follow`. Rejects `unavailable` while no follower answers; retryable. */
  lines(query: RetainedLogsQuery, signal: AbortSignal): AsyncIterable<RetainedLine>
  /** Removes all that is kept of an environment; no error when there is nothing. */
  forget(environment: EnvironmentKey, signal: AbortSignal): Promise<void>
}
