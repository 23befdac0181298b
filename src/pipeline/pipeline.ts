import type { Cleaned } from '../build/builder.ts'
import type { EnvironmentKey, RunId } from '../core/names.ts'
import type { Run, RunIntent } from '../core/run.ts'

/** What the listeners (receive, API) may ask of the pipeline. */
export interface Pipeline {
  /**
   * Writes a run row and returns it; the run goes on by itself. A queued or running run of the same environment that
   * is not past the point of no return is superseded and its followers are told by which run.
   */
  submit(request: { readonly key: EnvironmentKey; readonly intent: RunIntent; readonly by: string }): Promise<Run>
  /** Progress lines after `after` (0: all), live, until the run is live or ended; then one last event with the run. */
  follow(id: RunId, after: number, signal: AbortSignal): AsyncIterable<RunEvent>
  /**
   * Cancels; resolves with the run as it is then. Past the point of no return it rejects `conflict`: the run is
   * carried to its own end. A final run: no change.
   */
  cancel(id: RunId, reason: string): Promise<Run>
  /** Traffic follows the rows of this environment's domains; resolves when every edge has them. */
  rehost(key: EnvironmentKey): Promise<void>
  /** Removes the app: traffic stops, processes drain and end, rows, images and repository go. Resolves when done. */
  destroy(key: EnvironmentKey, by: string): Promise<void>
  /** Removes images that no release needs any more (`imagesToKeep`). Null: a build runs, and nothing was removed. */
  clean(): Promise<Cleaned | null>
}

export type RunEvent =
  | { readonly kind: 'line'; readonly seq: number; readonly text: string }
  /** The run is `live` or in a final state. */
  | { readonly kind: 'outcome'; readonly run: Run }
