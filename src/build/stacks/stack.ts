import type { ImageReference } from '../../core/names.ts'
import type { DockerBuild } from '../lading-yaml.ts'
import type { Source } from '../source.ts'
import type { Base, BasePolicy } from './bases.ts'

/**
 * One way of writing an app, and how such a commit becomes an image: one file, and one line in stacks.ts. With each file
 * that it reads it says the bound (`whole`, `glance` of files.ts): what it parses is refused when it is larger.
 */
export interface Stack {
  /** As `stack:` in lading.yaml says it, and as the image does. */
  readonly name: string
  /** Whether the commit is one of it; null: it is not. Rejects `invalid-input` where lading.yaml asks for what is not there. */
  detect(source: Source, platform: Platform): Promise<Detected | null>
  /** Of a commit that is one of it. Rejects `build-failed` and `invalid-input` with what is missing and what to add. */
  recipe(source: Source, platform: Platform): Promise<Recipe>
}

export interface Detected {
  /** In words, with the version that will be taken: `Node 24.21.0`. */
  readonly what: string
  /** The files that say so. */
  readonly because: string
}

/** What stacks build on. */
export interface Platform {
  /** Debian 13 with the certificates of this machine. */
  readonly base: ImageReference
  readonly node: ImageReference
  /** Version of Node in that image, such as `24.21.0`. */
  readonly nodeVersion: string
  readonly policy: BasePolicy
}

/** How a commit becomes an image. */
export type Recipe = Built | Assembled

/** By the builder, from a Dockerfile: the repository's or a stack's. */
export interface Built {
  readonly method: 'built'
  readonly stack: string
  readonly title: string
  readonly dockerfile: string
  /** Takes the place of the repository's own, as text; null: nothing is left out. */
  readonly dockerignore: string | null
  readonly bases: readonly Base[]
  /** Absent: the whole repository is its context, and its last stage the image. */
  readonly docker?: DockerBuild
  readonly notes: readonly string[]
  /** Of `web` where no Procfile says it; null: the image says it itself. */
  readonly start: readonly string[] | null
  /** Programs whose steps are told to the pusher; null: every step, for the Dockerfile is the pusher's own. */
  readonly tells: readonly string[] | null
}

/** Of layers: a base, dependencies, and the code put on them without a builder (decision: assembled-images). */
export interface Assembled {
  readonly method: 'assembled'
  readonly stack: string
  readonly title: string
  readonly bases: readonly Base[]
  readonly dependencies: Dependencies
  readonly start: readonly string[] | null
  /** `NAME=value`, beside those of the base. */
  readonly env: readonly string[]
  /**
   * What time the code's files have: `zero` for all commits, so that equal code is an equal layer; `tree` for one that
   * changes with the code, where it is told to browsers.
   */
  readonly times: 'zero' | 'tree'
  /** A folder of the commit that stays out of the image; null: none. */
  readonly leaveOut: string | null
  /** The way it is built when its dependencies cannot be installed by themselves. */
  readonly otherwise: Built
  readonly notes: readonly string[]
}

/** What the code goes on: an image of the platform, or one that is made once for all commits with the same manifests. */
export type Dependencies =
  | { readonly image: ImageReference }
  | {
      readonly dockerfile: string
      /** The only files of the commit that it sees. */
      readonly manifests: readonly string[]
      /** `Installing dependencies with npm` */
      readonly title: string
      readonly tells: readonly string[]
    }
