import type { Digest } from '../core/names.ts'
import type { Image } from '../core/release.ts'
import type { StoredLayer } from './assemble.ts'
import type { ContainerConfig } from './registry/image-document.ts'
import type { StoredImage } from './registry/stored-images.ts'
import type { CommitSource } from './source.ts'
import type { Recipe } from './stacks/stack.ts'

/** Whose build it is, and who hears of it. */
export interface Place {
  readonly source: Pick<CommitSource, 'app'>
  readonly say: (line: string) => void
}

/** A build on its way: everything that its steps need. */
export interface Work extends Place {
  readonly source: CommitSource
  readonly recipe: Recipe
  readonly key: string
}

export interface Made extends Pick<Image, 'stack' | 'method'> {
  readonly digest: Digest
  readonly layers: readonly StoredLayer[]
  readonly config: ContainerConfig
}

/** What the code of an assembled image goes on. */
export interface Ground {
  readonly image: StoredImage
  readonly isNew: boolean
}
