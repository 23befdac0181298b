import { AppError } from './errors.ts'
import type { ServiceName } from './names.ts'
import type { Secret } from './secret.ts'

/** The config key with which the platform says what a release is attached to (docs/design/services.md). */
export const servicesKey = 'LADING_SERVICES'

/** One backing service as a release's config names it. */
export interface Attached {
  /** Swarm service, volume and network of it; on that network also its host name. */
  readonly object: string
  /** Whose credentials the release has. */
  readonly user: string
}

/** `lading-service-db-3f2a9c1e`: with the id, so that a second service of one name never meets the first one's data. */
export function serviceObject(name: ServiceName, id: string): string {
  return `${objectPrefix}${name}-${id}`
}

/** The services in a config; none where it names none. */
export function attachedIn(config: Readonly<Record<string, Secret>>): readonly Attached[] {
  const text = config[servicesKey]?.reveal() ?? ''
  return text === '' ? [] : text.split(',').map(parseAttached)
}

/** The inverse; null: no service, and no such key. */
export function attachedText(all: readonly Attached[]): string | null {
  const entries = all.map(({ object, user }) => `${object.slice(objectPrefix.length)}/${user}`)
  return entries.length === 0 ? null : entries.toSorted().join(',')
}

/** The repository of the images of a kind; no app has such a name. */
export function kindRepository(kind: string): string {
  return `lading-${kind}`
}

const objectPrefix = 'lading-service-'

function parseAttached(entry: string): Attached {
  const [, object, user] = /^([a-z][a-z0-9-]{0,40})\/([a-z0-9_]{1,40})$/.exec(entry) ?? []
  if (object !== undefined && user !== undefined) return { object: objectPrefix + object, user }
  throw new AppError('internal', `${servicesKey} holds ${JSON.stringify(entry.slice(0, 80))}, which names no service`)
}
