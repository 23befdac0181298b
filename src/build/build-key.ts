import { createHash } from 'node:crypto'
import type { Image } from '../core/release.ts'

/** Everything an image depends on. The same parts, the same image. */
export interface BuildKeyParts {
  /** Git's id of the tree: the context, Dockerfile, Procfile and lading.yaml. */
  readonly tree: string
  readonly stack: string
  readonly method: Image['method']
  /** The Dockerfile's text as it is built, the generated one included; null where there is none. */
  readonly dockerfile: string | null
  /** Each base as it is named, with what it stands for: a digest, or the bare name of a tag no one resolved. */
  readonly bases: Readonly<Record<string, string>>
  /** Settings of the build that come from outside of the commit, npm's among them. */
  readonly config: Readonly<Record<string, string>>
  /** `linux/amd64` */
  readonly platform: string
}

/** Raised whenever the way we make images changes what comes out. */
export const stackVersion = 4

/** 64 hex digits; it is also the image's tag in the registry. */
export function buildKey(parts: BuildKeyParts): string {
  const facts = [
    stackVersion,
    parts.tree,
    wayOf(parts),
    parts.dockerfile,
    sorted(parts.bases),
    sorted(parts.config),
    parts.platform,
  ]
  return hash(JSON.stringify(facts))
}

/** Written as it always was: images that were built before are found again. */
function wayOf({ stack, method }: BuildKeyParts): string {
  return stack === 'dockerfile' ? stack : `${stack}-${method}`
}

function sorted(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}

/**
 * Of dependencies alone: manifests, lock file, npm's settings, Node and base (both in the Dockerfile's text), platform
 * (decision: assembled-images).
 */
export function dependenciesKey(dockerfile: string, files: ReadonlyMap<string, Buffer>, platform: string): string {
  const facts = [stackVersion, dockerfile, platform, [...files].map(([path, bytes]) => [path, hash(bytes)])]
  return hash(JSON.stringify(facts))
}

/** Below 2^28 s, which is in 1978: one number for one tree. */
export function timeOf(tree: string): number {
  return Number.parseInt(hash(tree).slice(0, 7), 16)
}

export function hash(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
