import type { AppName, CommitId } from '../core/names.ts'
import type { Image } from '../core/release.ts'

/** The build stage's door: commit in, image out. */
export interface Builder {
  /**
   * Finds the image by its build key, or makes it. Rejects `build-failed` with a sentence fit for `ng`
   * (`npm ci exited 1`), `build-out-of-memory`, `invalid-input` (Procfile or lading.yaml, with line number). Aborted,
   * it ends the whole build tree before it rejects with the signal's reason.
   */
  build(request: BuildRequest, signal: AbortSignal): Promise<Image>
}

export interface BuildRequest {
  readonly app: AppName
  readonly commit: CommitId
  /** One progress line, without line break; streamed to the pusher. */
  readonly say: (line: string) => void
}
