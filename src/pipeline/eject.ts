import type { Builder, SavedImage } from '../build/builder.ts'
import type { Repositories } from '../commit/repository.ts'
import { AppError } from '../core/errors.ts'
import type { AppName, EnvironmentKey } from '../core/names.ts'
import { count, type Release } from '../core/release.ts'
import type { Limits } from '../core/limits.ts'
import { Secret } from '../core/secret.ts'
import type { ContainerPolicy, ServiceSpec } from '../docker/engine.ts'
import { releasePhaseSpec, serviceSpec } from '../rollout/spec.ts'
import type { Store } from '../store/store.ts'

/** What serves, told so that it can run without us (docs/design/eject.md). The config stands in it as it is. */
export interface Ejected {
  readonly app: string
  readonly environment: string
  readonly release: number
  readonly commit: string | null
  /** The name under which `image` gives it. */
  readonly image: string
  /** One for each process type, also of those that have no process. */
  readonly services: readonly EjectedService[]
  readonly releasePhase: Omit<EjectedService, 'count' | 'port' | 'stopSeconds'> | null
  readonly config: Readonly<Record<string, string>>
}

export interface EjectedService {
  readonly type: string
  /** Null: the image's own. */
  readonly command: readonly string[] | null
  readonly count: number
  /** Inside the container; null when it has none. */
  readonly port: number | null
  /** What the platform adds to the config. */
  readonly environment: Readonly<Record<string, string>>
  readonly stopSeconds: number
  readonly policy: ContainerPolicy
}

interface EjectDeps {
  readonly store: Store
  readonly builder: Pick<Builder, 'save'>
  readonly repositories: Pick<Repositories, 'bundle'>
  readonly limits: () => Limits
}

/** An app on its way out: nothing of it changes here. */
export class Ejector {
  readonly #deps: EjectDeps

  constructor(deps: EjectDeps) {
    this.#deps = deps
  }

  /** Of the release that serves; `not-found` before the first. */
  async describe(key: EnvironmentKey): Promise<Ejected> {
    const { store, limits } = this.#deps
    const release = await store.servingRelease(key)
    if (!release) {
      throw new AppError('not-found', `nothing of ${key.app} serves yet, so there is nothing to eject`, {
        hint: 'Deploy it first, or take its repository: git clone.',
      })
    }
    const { values } = await store.readConfig(key, release.config)
    return ejected(release, values, limits())
  }

  /** The image of a release as a tar for `docker load`; `not-found` when it is not kept any more. */
  async image(key: EnvironmentKey, number: number, signal: AbortSignal): Promise<SavedImage> {
    const release = await this.#deps.store.findRelease(key, number)
    if (!release) throw new AppError('not-found', `there is no release v${number}`)
    return this.#deps.builder.save({ image: release.image.reference, name: imageName(release) }, signal)
  }

  repository(app: AppName, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#deps.repositories.bundle(app, signal)
  }
}

function ejected(release: Release, config: Readonly<Record<string, Secret>>, limits: Limits): Ejected {
  const { app, environment, number, commit, image } = release
  const services = image.processes.map(process => {
    const { command, port, env, stopSeconds, policy } = serviceSpec(release, process, config, limits)
    const common = { type: process.type, command, port, stopSeconds, policy, environment: ours(env) }
    return { ...common, count: count(release, process.type) }
  })
  const phase = image.releaseCommand === null ? null : releasePhaseSpec(release, image.releaseCommand, config, limits)
  const names = new Set([...services.flatMap(service => Object.keys(service.environment))])
  return {
    app,
    environment,
    release: number,
    commit,
    image: imageName(release),
    services,
    releasePhase: phase && {
      type: 'release',
      command: phase.command,
      environment: ours(phase.env),
      policy: phase.policy,
    },
    config: Object.fromEntries(
      Object.entries(config)
        .filter(([name]) => !names.has(name))
        .map(([name, value]) => [name, value.reveal()]),
    ),
  }
}

/** The values that are no config; of a name that is both, the platform's is what the process gets. */
function ours(env: ServiceSpec['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value instanceof Secret ? [] : [[name, value]])),
  )
}

/** No engine looks for `localhost/…` at Docker Hub, where the app's name may be someone else's. */
function imageName({ app, number }: Release): string {
  return `localhost/${app}:v${number}`
}
