import type { Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../../access/principal.ts'
import { sees } from '../../access/roles.ts'
import { AppError } from '../../core/errors.ts'
import { environmentId } from '../../core/labels.ts'
import { isBelow, parseDomainName } from '../../core/names.ts'
import type { DomainRow } from '../../store/store.ts'
import type { DomainDocument } from '../documents.ts'
import { normal, parseNewDomain } from '../domain-name.ts'
import { bodyOf, environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

export const newDomain = z.strictObject({ name: z.string() })

export function domainRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { store, pipeline, clock, platform, certificates } = parts
  const path = '/v1/apps/:app/environments/:environment/domains'

  /** Of all environments. */
  api.get('/v1/domains', async c => {
    const domains = (await store.listDomains()).filter(({ app }) => sees(c.get('principal'), app))
    return c.json(await Promise.all(domains.map(domain => described(domain, parts))))
  })

  api.get(path, async c => {
    const key = await environmentOf(c, store)
    const own = (await store.listDomains()).filter(domain => environmentId(domain) === environmentId(key))
    return c.json(await Promise.all(own.map(domain => described(domain, parts))))
  })

  /** Again: what was left undone is done, and a name that did not lead here is looked at now. */
  api.post(path, async c => {
    const key = await environmentOf(c, store)
    const name = parseNewDomain((await bodyOf(c, newDomain)).name, key, platform.baseDomain)
    const present = (await store.listDomains()).find(domain => domain.name === name)
    if (present !== undefined && !sees(c.get('principal'), present.app)) {
      throw new AppError('already-exists', `${name} belongs to another app of this platform`, {
        hint: 'Ask an owner of the platform.',
      })
    }
    // Whose it is already is told by the row. Root's word is enough: he answers for the platform.
    const isKnown = present !== undefined || c.get('principal').kind === 'root' || isBelow(name, platform.baseDomain)
    if (!isKnown) await certificates.assertOwned(name, key, c.req.raw.signal)
    const row = await store.addDomain({ ...key, name, by: nameOf(c.get('principal')), at: clock.now() })
    await store.hurryOrder(name, clock.now())
    await pipeline.rehost(key)
    await certificates.changed()
    return c.json((await described(row, parts)) satisfies DomainDocument, 201)
  })

  api.delete(`${path}/:domain`, async c => {
    const key = await environmentOf(c, store)
    const name = parseDomainName(normal(c.req.param('domain')))
    await store.removeDomain(key, name)
    await pipeline.rehost(key)
    await certificates.changed()
    return c.json({ name, removed: true })
  })
}

async function described(domain: DomainRow, { store, certificates }: ApiParts): Promise<DomainDocument> {
  const [shown, orders] = await Promise.all([certificates.shownFor(domain.name), store.listOrders()])
  const order = orders.find(one => one.name === domain.name) ?? null
  return {
    name: domain.name,
    app: domain.app,
    environment: domain.environment,
    by: domain.by,
    at: domain.at,
    certificate: shown && { source: shown.source, issuer: shown.issuer, notAfter: shown.notAfter },
    order: order && { state: order.state, reason: order.reason, attempts: order.attempts, nextAt: order.nextAt },
  }
}
