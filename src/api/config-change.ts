import { AppError } from '../core/errors.ts'
import type { EnvironmentKey } from '../core/names.ts'
import type { Run } from '../core/run.ts'
import { Secret } from '../core/secret.ts'
import type { ConfigVersion } from '../store/store.ts'
import type { ApiParts } from './parts.ts'

/** RFC 7396: a text sets, null removes, what is not named stays. */
export type Changes = Readonly<Record<string, string | null>>

export interface ConfigChange {
  readonly key: EnvironmentKey
  /** What is to be another, looking at what is; asked again when someone else wrote meanwhile. */
  readonly wanted: (before: Readonly<Record<string, string>>) => Changes
  /** What the release says of it. */
  readonly summary: string
  readonly by: string
}

/** Someone else wrote between our read and our write: so often we look again. */
const attempts = 5

/** All of it as one version; none when nothing changes. */
export async function writeConfig(
  { key, wanted, by }: ConfigChange,
  { store, clock, limits }: ApiParts,
): Promise<{ config: ConfigVersion; changed: string[] }> {
  for (let attempt = 1; ; attempt++) {
    const before = await store.readConfig(key, 0)
    const old = revealed(before)
    const changes = wanted(old)
    const changed = Object.keys(changes).filter(name => (Object.hasOwn(old, name) ? old[name] : null) !== changes[name])
    if (changed.length === 0) return { config: before, changed }
    const values = merged(before.values, changes, limits.current().configBytes)
    try {
      return { config: await store.writeConfig(key, before.version, values, by, clock.now()), changed }
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict') || attempt === attempts) throw error
    }
  }
}

/**
 * A run for the newest version, also when this call changed nothing but the version never came to serve: the one that
 * wrote it was killed before its run, or its run failed. Null: nothing serves, or this version does.
 */
export async function releaseConfig(
  { key, summary, by }: Pick<ConfigChange, 'key' | 'summary' | 'by'>,
  version: number,
  { store, pipeline }: ApiParts,
): Promise<Run | null> {
  const serving = await store.servingRelease(key)
  if (!serving || serving.config === version) return null
  return pipeline.submit({ key, intent: { kind: 'config', config: version, summary }, by })
}

export function revealed({ values }: Pick<ConfigVersion, 'values'>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.reveal()]))
}

function merged(before: ConfigVersion['values'], changes: Changes, most: number): Record<string, Secret> {
  const values = new Map(Object.entries(before))
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) values.delete(name)
    else values.set(name, new Secret(value))
  }
  const bytes = [...values].reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value.reveal()), 0)
  if (bytes > most) {
    throw new AppError('invalid-input', `the config would have ${bytes} bytes, and ${most} are allowed`, {
      hint: 'Put large values into a file of the image or a backing service.',
    })
  }
  return Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)))
}
