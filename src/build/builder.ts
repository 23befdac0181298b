import type { AppName, CommitId, ImageReference } from '../core/names.ts'
import type { Image } from '../core/release.ts'
import type { WantedImages } from './registry/retention.ts'

/** The build stage's port: commit in, image out. */
export interface Builder {
  /**
   * Finds the image by its build key, or makes it. Rejects `build-failed` with a sentence fit for `ng`
   * (`npm ci exited 1`), `build-out-of-memory`, `invalid-input` (Procfile or lading.yaml, with line number). Aborted,
   * it ends the whole build tree before it rejects with the signal's reason.
   */
  build(request: BuildRequest, signal: AbortSignal): Promise<Image>
  /** The registry still has it. */
  has(image: ImageReference, signal: AbortSignal): Promise<boolean>
  /**
   * The image as a tar for `docker load`, under the name that is given. Rejects `not-found` when the registry does not
   * have it (any more).
   */
  save(what: { readonly image: ImageReference; readonly name: string }, signal: AbortSignal): Promise<SavedImage>
  /**
   * An image of the platform's own, of Debian packages on its base: found by the hash of what it is made of, or made.
   * Rejects as `build`.
   */
  platformImage(request: PlatformImageRequest, signal: AbortSignal): Promise<ImageReference>
  /**
   * Removes images that are not wanted from registry and engine, then their blobs. `wanted` is asked when no build is
   * under way, and none begins before the end. Null: a build is under way, and nothing was removed.
   */
  clean(wanted: () => Promise<WantedImages>, signal: AbortSignal): Promise<Cleaned | null>
}

export interface SavedImage {
  /** How many bytes will come. */
  readonly bytes: number
  readonly chunks: AsyncIterable<Uint8Array>
}

/** How many were removed. */
export interface Cleaned {
  readonly fromRegistry: number
  readonly fromEngine: number
}

export interface PlatformImageRequest {
  /** Its repository; no app has such a name. */
  readonly repository: AppName
  readonly dockerfile: (base: ImageReference) => string
  /** Beside the Dockerfile, by path. */
  readonly files: Readonly<Record<string, string>>
}

export interface BuildRequest {
  readonly app: AppName
  readonly commit: CommitId
  /** One progress line, without line break; streamed to the pusher. */
  readonly say: (line: string) => void
}
