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
  /** Each base as it is named, with what it stands for: a digest, or the bare name of a tag nobody resolved. */
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
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}

/** Written as it always was: images that were built before are found again. */
function wayOf({ stack, method }: BuildKeyParts): string {
  return stack === 'dockerfile' ? stack : `${stack}-${method}`
}

function sorted(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}
