import type { Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../../access/principal.ts'
import { AppError } from '../../core/errors.ts'
import { environmentId } from '../../core/labels.ts'
import { type EnvironmentKey, parseConfigKey } from '../../core/names.ts'
import { type Changes, releaseConfig, revealed, writeConfig } from '../config-change.ts'
import type { ConfigChangeDocument, ConfigDocument } from '../documents.ts'
import { bodyOf, environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

/** RFC 7396: a text sets, null removes, what is not named stays. */
export const configChanges = z.record(z.string(), z.string().nullable())

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
    await refuseAttached(key, wanted, parts)
    const change = { key, wanted: () => wanted, summary: summaryOf(wanted), by: nameOf(c.get('principal')) }
    const { config, changed } = await writeConfig(change, parts)
    const run = await releaseConfig(change, config.version, parts)
    return c.json({ version: config.version, changed, run } satisfies ConfigChangeDocument, run ? 202 : 200)
  })
}

function summaryOf(wanted: Changes): string {
  const set = Object.keys(wanted).filter(name => wanted[name] !== null)
  const unset = Object.keys(wanted).filter(name => wanted[name] === null)
  const summary = [set.length > 0 && `Set ${set.join(', ')}`, unset.length > 0 && `Unset ${unset.join(', ')}`]
  return summary.filter(Boolean).join('; ')
}

/** What an attachment has set goes with it, and by no other way. */
async function refuseAttached(key: EnvironmentKey, wanted: Changes, { store }: ApiParts): Promise<void> {
  const own = (await store.listAttachments()).filter(one => environmentId(one) === environmentId(key) && one.wanted)
  const attachment = own.find(({ variable }) => Object.hasOwn(wanted, variable))
  if (attachment === undefined) return
  const service = (await store.listServices()).find(({ id }) => id === attachment.service)
  const name = service?.name ?? 'a service'
  throw new AppError('conflict', `${attachment.variable} is set by the attachment of ${name}`, {
    hint: `Take it away first: lading services detach ${name} --app ${key.app}`,
  })
}

function assertConfig(name: string, value: string | null): void {
  parseConfigKey(name)
  // An environment variable ends at the first NUL.
  if (value?.includes('\0')) throw new AppError('invalid-input', `the value of ${name} contains a NUL character`)
}
