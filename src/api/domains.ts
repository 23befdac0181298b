import { domainToASCII } from 'node:url'
import type { Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../access/principal.ts'
import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import { type DomainName, type EnvironmentKey, isBelow, isWildcard, parseDomainName } from '../core/names.ts'
import type { DomainRow } from '../store/store.ts'
import { type DomainDocument, ownHostOf } from './documents.ts'
import { bodyOf, environmentOf } from './input.ts'
import type { ApiEnv, ApiParts } from './parts.ts'

const newDomain = z.strictObject({ name: z.string() })

export function domainRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { store, pipeline, clock, platform, certificates } = parts
  const path = '/v1/apps/:app/environments/:environment/domains'

  /** Of all environments. */
  api.get('/v1/domains', async c => {
    const domains = await store.listDomains()
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

/** As DNS writes it: lower case, without the last dot, other scripts in Punycode. */
function normal(text: string): string {
  const plain = text.trim().toLowerCase().replace(/\.$/, '')
  const [star, host] = plain.startsWith('*.') ? ['*.', plain.slice(2)] : ['', plain]
  return star + (domainToASCII(host) || host)
}

export function parseNewDomain(text: string, key: EnvironmentKey, baseDomain: string): DomainName {
  const name = parseDomainName(normal(text))
  if (!name.includes('.') || /\.\d+$/.test(name)) {
    throw new AppError('invalid-input', `${name} is no domain`, { hint: 'A domain looks like shop.example.com.' })
  }
  if (!isBelow(name, baseDomain) || name === ownHostOf(key, baseDomain)) return name
  const isPlain = name.split('.').length === baseDomain.split('.').length + 1 && !isWildcard(name)
  throw new AppError('not-allowed', `names below ${baseDomain} are the platform's to give`, {
    hint: isPlain
      ? `${key.app} answers at ${ownHostOf(key, baseDomain)}; another name comes with another app.`
      : `${key.app} answers at ${ownHostOf(key, baseDomain)}; a domain of your own may be any other.`,
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
