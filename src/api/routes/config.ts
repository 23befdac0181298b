import type { Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../../access/principal.ts'
import { AppError } from '../../core/errors.ts'
import { type EnvironmentKey, parseConfigKey } from '../../core/names.ts'
import type { Run } from '../../core/run.ts'
import { Secret } from '../../core/secret.ts'
import type { ConfigVersion } from '../../store/store.ts'
import type { ConfigChangeDocument, ConfigDocument } from '../documents.ts'
import { bodyOf, environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

/** RFC 7396: a text sets, null removes, what is not named stays. */
export const configChanges = z.record(z.string(), z.string().nullable())
type Changes = z.infer<typeof configChanges>

/** Somebody else wrote between our read and our write: so often we look again. */
const attempts = 5

export function configRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { store } = parts
  const path = '/v1/apps/:app/environments/:environment/config'

  api.get(path, async c => {
    const key = await environmentOf(c, store)
    const [config, serving] = await Promise.all([store.readConfig(key, 0), store.servingRelease(key)])
    const { version, by, at } = config
    return c.json({
      version,
      values: revealed(config),
      by,
      at,
      serving: serving?.config ?? null,
    } satisfies ConfigDocument)
  })

  api.patch(path, async c => {
    const wanted = await bodyOf(c, configChanges)
    c.set('note', Object.keys(wanted).join(', '))
    for (const [name, value] of Object.entries(wanted)) assertConfig(name, value)
    const key = await environmentOf(c, store)
    const by = nameOf(c.get('principal'))
    const { config, changed } = await write({ key, wanted, by }, parts)
    const run = await restart({ key, wanted, by, version: config.version }, parts)
    return c.json({ version: config.version, changed, run } satisfies ConfigChangeDocument, run ? 202 : 200)
  })
}

interface Change {
  readonly key: EnvironmentKey
  readonly wanted: Changes
  readonly by: string
}

/** All of it as one version; none when nothing changes. */
async function write(
  { key, wanted, by }: Change,
  { store, clock, limits }: ApiParts,
): Promise<{ config: ConfigVersion; changed: string[] }> {
  for (let attempt = 1; ; attempt++) {
    const before = await store.readConfig(key, 0)
    const old = revealed(before)
    const changed = Object.keys(wanted).filter(name => (Object.hasOwn(old, name) ? old[name] : null) !== wanted[name])
    if (changed.length === 0) return { config: before, changed }
    const values = merged(before.values, wanted, limits.current().configBytes)
    try {
      return { config: await store.writeConfig(key, before.version, values, by, clock.now()), changed }
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict') || attempt === attempts) throw error
    }
  }
}

function merged(before: ConfigVersion['values'], wanted: Changes, most: number): Record<string, Secret> {
  const values = new Map(Object.entries(before))
  for (const [name, value] of Object.entries(wanted)) {
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

/**
 * A run for the newest version, also when this call changed nothing but the version never came to serve: the one that
 * wrote it was killed before its run, or its run failed.
 */
async function restart(
  { key, wanted, by, version }: Change & { readonly version: number },
  { store, pipeline }: ApiParts,
): Promise<Run | null> {
  const serving = await store.servingRelease(key)
  if (!serving || serving.config === version) return null
  const set = Object.keys(wanted).filter(name => wanted[name] !== null)
  const unset = Object.keys(wanted).filter(name => wanted[name] === null)
  const summary = [set.length > 0 && `Set ${set.join(', ')}`, unset.length > 0 && `Unset ${unset.join(', ')}`]
  const intent = { kind: 'config', config: version, summary: summary.filter(Boolean).join('; ') } as const
  return pipeline.submit({ key, intent, by })
}

function assertConfig(name: string, value: string | null): void {
  parseConfigKey(name)
  // An environment variable ends at the first NUL.
  if (value?.includes('\0')) throw new AppError('invalid-input', `the value of ${name} contains a NUL character`)
}

function revealed({ values }: ConfigVersion): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.reveal()]))
}
