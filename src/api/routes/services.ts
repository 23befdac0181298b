import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { may } from '../../access/policy.ts'
import { nameOf, type Principal } from '../../access/principal.ts'
import { platformWide, rolesAt, sees } from '../../access/roles.ts'
import { attachedIn, attachedText, serviceObject, servicesKey } from '../../core/attached.ts'
import { AppError } from '../../core/errors.ts'
import { environmentId } from '../../core/labels.ts'
import { type EnvironmentKey, parseConfigKey, parseServiceName } from '../../core/names.ts'
import { Secret } from '../../core/secret.ts'
import { parseKind } from '../../services/kinds.ts'
import { parseBackupName } from '../../services/storage.ts'
import type { AttachmentRow, ServiceRow } from '../../store/service-store.ts'
import { releaseConfig, writeConfig } from '../config-change.ts'
import type { AttachDocument, ServiceDocument } from '../documents.ts'
import { bodyOf, environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

export const newService = z.strictObject({ kind: z.string(), name: z.string(), from: z.string().optional() })
export const serviceDestruction = z.strictObject({ confirm: z.string() })
export const newAttachment = z.strictObject({ service: z.string(), as: z.string().optional() })

export function serviceRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { store, services, clock, ids } = parts
  const ofApp = '/v1/apps/:app/environments/:environment/services'

  api.get('/v1/services', async c => {
    const [rows, attachments] = await Promise.all([store.listServices(), store.listAttachments()])
    const seen = rows.filter(row => isSeen(c.get('principal'), row, attachments))
    return c.json(await Promise.all(seen.map(row => described(row, attachments, parts, c))))
  })

  api.post('/v1/services', async c => {
    const { kind, name, from } = await bodyOf(c, newService)
    c.set('note', `${kind} ${name}`)
    const backup = from === undefined ? null : parseBackupName(from)
    if (backup !== null && backup.kind !== kind) {
      throw new AppError('invalid-input', `${backup.name} is of ${backup.kind}, not of ${kind}`)
    }
    if (backup !== null) await requireBackup(backup.name, parts, c)
    const row = await store.insertService({
      id: ids.hex(4),
      name: parseServiceName(name),
      kind: parseKind(kind).name,
      from: backup?.name ?? null,
      by: nameOf(c.get('principal')),
      at: clock.now(),
    })
    services.wake()
    return c.json((await described(row, [], parts, c)) satisfies ServiceDocument, 202)
  })

  api.get('/v1/services/:service', async c => {
    const row = await serviceOf(c, c.req.param('service'), parts)
    return c.json((await described(row, await store.listAttachments(), parts, c)) satisfies ServiceDocument)
  })

  api.delete('/v1/services/:service', async c => {
    const { confirm } = await bodyOf(c, serviceDestruction)
    const row = await serviceOf(c, c.req.param('service'), parts)
    if (confirm !== row.name) {
      throw new AppError('invalid-input', `destroying ${row.name} needs its name in "confirm"`, {
        hint: 'Its data stay on the server for 7 days, and then go for good.',
      })
    }
    const users = (await store.listAttachments()).filter(({ service }) => service === row.id)
    if (users.length > 0) throw attachedError(row, users)
    await store.destroyService(row.id, clock.now())
    services.wake()
    return c.json({ service: row.name, destroyed: true })
  })

  api.get('/v1/service-backups', async c => c.json(await services.backups(c.req.raw.signal)))

  api.post('/v1/services/:service/backups', async c => {
    const row = await serviceOf(c, c.req.param('service'), parts)
    requireReady(row)
    return c.json(await services.backUp(row, c.req.raw.signal), 201)
  })

  /** Again: what was left undone is done, with the same credentials. */
  api.post(ofApp, async c => {
    const key = await environmentOf(c, store)
    const { service: name, as } = await bodyOf(c, newAttachment)
    c.set('note', name)
    const service = await serviceOf(c, name, parts)
    await requireRight(c.get('principal'), service, parts)
    requireReady(service)
    const variable = parseConfigKey(as ?? parseKind(service.kind).variable)
    const by = nameOf(c.get('principal'))
    await refuseTaken({ key, variable, service }, parts)
    const attachment = await store.addAttachment(
      {
        ...key,
        id: ids.hex(8),
        service: service.id,
        appSince: (await store.findApp(key.app))?.createdAt ?? 0,
        variable,
        user: `a_${ids.hex(6)}`,
        by,
        at: clock.now(),
      },
      new Secret(ids.hex(24)),
    )
    await services.grant(service, attachment, c.req.raw.signal)
    const url = await services.url(service, attachment)
    const entry = { object: serviceObject(service.name, service.id), user: attachment.user }
    const change = {
      key,
      wanted: (before: Readonly<Record<string, string>>) => ({
        [attachment.variable]: url,
        [servicesKey]: attachedText([...others(before, service), entry]),
      }),
      summary: `Attach ${service.name} as ${attachment.variable}`,
      by,
    }
    return c.json((await release(change, attachment, parts)) satisfies AttachDocument, 202)
  })

  api.delete(`${ofApp}/:service`, async c => {
    const key = await environmentOf(c, store)
    const service = await serviceOf(c, c.req.param('service'), parts)
    const own = (await store.listAttachments()).filter(
      one => one.service === service.id && environmentId(one) === environmentId(key),
    )
    const attachment = own.find(({ wanted }) => wanted) ?? own[0]
    if (!attachment) {
      throw new AppError('not-found', `${key.app} is not attached to ${service.name}`, {
        hint: '"lading services ls" says who is.',
      })
    }
    const change = {
      key,
      wanted: (before: Readonly<Record<string, string>>) => ({
        ...(before[attachment.variable]?.includes(attachment.user) && { [attachment.variable]: null }),
        [servicesKey]: attachedText(others(before, service)),
      }),
      summary: `Detach ${service.name}`,
      by: nameOf(c.get('principal')),
    }
    const written = await writeConfig(change, parts)
    await store.markDetached(attachment.id)
    const run = await releaseConfig(change, written.config.version, parts)
    services.wake()
    return c.json({ variable: attachment.variable, user: attachment.user, run } satisfies AttachDocument, 202)
  })
}

async function release(
  change: Parameters<typeof writeConfig>[0],
  { variable, user }: AttachmentRow,
  parts: ApiParts,
): Promise<AttachDocument> {
  const { config } = await writeConfig(change, parts)
  return { variable, user, run: await releaseConfig(change, config.version, parts) }
}

/** What the config says of services, without this one. */
function others(before: Readonly<Record<string, string>>, { name, id }: ServiceRow) {
  const text = before[servicesKey]
  const all = text === undefined ? [] : attachedIn({ [servicesKey]: new Secret(text) })
  return all.filter(({ object }) => object !== serviceObject(name, id))
}

async function serviceOf(c: Context<ApiEnv>, name: string, { store }: ApiParts): Promise<ServiceRow> {
  const rows = (await store.listServices()).filter(row => row.destroyedAt === null)
  const row = rows.find(one => one.name === name)
  if (row && isSeen(c.get('principal'), row, await store.listAttachments())) return row
  throw new AppError('not-found', `there is no service ${name.slice(0, 60)}`, {
    hint: '"lading services ls" lists them.',
  })
}

/** By a role on the platform, or by an app that is attached to it. */
function isSeen(principal: Principal, { id }: ServiceRow, attachments: readonly AttachmentRow[]): boolean {
  if (rolesAt(principal, platformWide).length > 0) return true
  return attachments.some(({ service, app }) => service === id && sees(principal, app))
}

/** Whoever attaches opens all of its data to the app: he must have them already, by the platform or by another app of his. */
async function requireRight(principal: Principal, service: ServiceRow, { store }: ApiParts): Promise<void> {
  if (may('POST /v1/services', principal, platformWide)) return
  const users = (await store.listAttachments()).filter(one => one.service === service.id && one.wanted)
  const attach = 'POST /v1/apps/:app/environments/:environment/services'
  if (users.length > 0 && users.every(one => may(attach, principal, one))) return
  throw new AppError('not-allowed', `${principal.name} may not give away the data of ${service.name}`, {
    hint: 'It takes owner or developer of the platform, or developer of every app that is attached to it.',
  })
}

function requireReady({ name, state, reason }: ServiceRow): void {
  if (state === 'ready') return
  throw new AppError('conflict', `${name} is not ready: ${reason}`, { retryable: true })
}

async function refuseTaken(
  { key, variable, service }: { readonly key: EnvironmentKey; readonly variable: string; readonly service: ServiceRow },
  { store }: ApiParts,
): Promise<void> {
  const isOwn = (one: AttachmentRow) => environmentId(one) === environmentId(key) && one.wanted
  const own = (await store.listAttachments()).filter(isOwn)
  if (own.some(one => one.service === service.id || one.variable === variable)) return
  const { values } = await store.readConfig(key, 0)
  if (!Object.hasOwn(values, variable)) return
  // What a detached pair has left is gone with the detaching; this is someone's own.
  throw new AppError('already-exists', `${variable} is set already`, {
    hint: `Choose another name (--as OTHER_URL), or unset it: lading unset ${variable} --app ${key.app}`,
  })
}

async function requireBackup(name: string, { services }: ApiParts, c: Context): Promise<void> {
  if ((await services.backups(c.req.raw.signal)).some(backup => backup.name === name)) return
  throw new AppError('not-found', `there is no backup ${name}`, { hint: '"lading services backups" lists them.' })
}

function attachedError({ name }: ServiceRow, users: readonly AttachmentRow[]): AppError {
  const [first] = users
  const who = users.map(one => `${environmentId(one)}${one.wanted ? '' : ' (until what serves needs it no more)'}`)
  return new AppError('conflict', `${name} is attached to ${who.join(', ')}`, {
    hint: `Detach it first: lading services detach ${name} --app ${first?.app}`,
  })
}

async function described(
  row: ServiceRow,
  attachments: readonly AttachmentRow[],
  { services }: ApiParts,
  c: Context<ApiEnv>,
): Promise<ServiceDocument> {
  const { name, kind, state, reason, from, by, at, destroyedAt } = row
  const isLive = state === 'ready' && destroyedAt === null
  const condition = isLive ? await services.see(row, c.req.raw.signal) : { up: false, bytes: null }
  const principal = c.get('principal')
  const own = attachments.filter(one => one.service === row.id && sees(principal, one.app))
  return {
    name,
    kind,
    title: parseKind(kind).title,
    host: serviceObject(name, row.id),
    state: destroyedAt === null ? state : 'destroyed',
    reason,
    from,
    ...condition,
    attachments: own.map(({ app, environment, variable, user, wanted }) => ({
      app,
      environment,
      variable,
      user,
      wanted,
    })),
    by,
    at,
    destroyedAt,
  }
}
