import type { BranchName, EnvironmentKey } from '../core/names.ts'
import { readImage, type Release } from '../core/release.ts'
import type { RunIntent } from '../core/run.ts'
import { Secret } from '../core/secret.ts'
import type { ConfigVersion } from '../store/store.ts'

/**
 * Everything that a release needs to be known again without our database (law: readable-from-the-cluster): one sealed
 * document per release, in a Swarm config that is there before the first of its processes and goes after the last.
 */
export interface ReleaseDocument {
  readonly release: Release
  readonly config: ConfigVersion
  /** Why its run existed; null in a document of the first Ladings, which did not say. */
  readonly intent: RunIntent | null
  /** The branch that its environment follows; null as above. */
  readonly branch: BranchName | null
}

interface Json {
  readonly release: Release
  readonly config: Readonly<Record<string, string>>
  readonly configBy?: string
  readonly configAt?: number
  readonly intent?: RunIntent
  readonly branch?: BranchName
}

/** Its Swarm config's name, and what it is sealed for. 64 characters are Swarm's limit; app and environment have 50. */
export function documentName({ app, environment }: EnvironmentKey, release: number): string {
  return `l-${app}-${environment}-v${release}`
}

/** To be sealed at once: it holds the config's values. */
export function writeDocument({ release, config, intent, branch }: ReleaseDocument): string {
  const json: Json = {
    release,
    config: Object.fromEntries(Object.entries(config.values).map(([key, value]) => [key, value.reveal()])),
    configBy: config.by,
    configAt: config.at,
    ...(intent && { intent }),
    ...(branch && { branch }),
  }
  return JSON.stringify(json)
}

/** What `writeDocument` wrote. It was sealed by us, so that its names are taken as they are, like those of our rows. */
export function readDocument(text: string): ReleaseDocument {
  const { release, config, configBy, configAt, intent, branch } = JSON.parse(text) as Json
  return {
    release: { ...release, image: readImage(release.image) },
    config: {
      version: release.config,
      values: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, new Secret(value)])),
      by: configBy ?? release.by,
      at: configAt ?? release.createdAt,
    },
    intent: intent ?? null,
    branch: branch ?? null,
  }
}
