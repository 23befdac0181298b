import type { Clock, Ids } from '../core/clock.ts'
import type { Limits } from '../core/limits.ts'
import type { Secret } from '../core/secret.ts'
import type { Store } from '../store/store.ts'
import type { Builder } from './builder.ts'
import type { EngineHttp } from './builder/engine-http.ts'
import type { RegistryAddress } from './registry/registry.ts'
import type { Repository } from './source.ts'
import type { Platform } from './stacks/stack.ts'

export interface BuilderOptions {
  readonly repositories: Repository
  readonly store: Pick<Store, 'findImage' | 'saveImage'>
  readonly engine: EngineHttp
  readonly registry: RegistryAddress
  /** The builder's gate to the registry: where this process makes its socket, and where the node's engine sees it. */
  readonly gate: { readonly socketPath: string; readonly onNode: string }
  /** Id of the builder's image. */
  readonly builderImage: string
  /** What the stacks build on. */
  readonly on: Platform
  /** npm's settings for builds (its registry, a token): a build secret. */
  readonly npmrc?: Secret
  /** `http_proxy` and its kin, for pulls and builds. */
  readonly proxy?: Readonly<Record<string, string>>
  /** Name servers of builds; without them the engine's own choice. */
  readonly dns?: readonly string[]
  /** `linux/amd64` */
  readonly platform: string
  readonly clock: Clock
  readonly ids: Pick<Ids, 'hex'>
  /** What the operator has set, else the defaults: asked each time. */
  readonly limits: () => Limits
  /** Free on the disk that images go to. */
  readonly freeBytes: () => Promise<number>
  /** Called with what failed in the background. */
  readonly warn: (sentence: string, error: unknown) => void
}

export interface StoppableBuilder extends Builder {
  /** Resolves when nothing of an earlier control plane takes blobs away any more; before the first build. */
  begin(signal: AbortSignal): Promise<void>
  /** Ends the builder's container and the registry's connections, at the end of the process. */
  stop(signal: AbortSignal): Promise<void>
}
