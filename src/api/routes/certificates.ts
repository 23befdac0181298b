import type { Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../../access/principal.ts'
import { AppError } from '../../core/errors.ts'
import { letsEncrypt } from '../../core/lets-encrypt.ts'
import { covers, type DomainName } from '../../core/names.ts'
import type { HostCertificate } from '../../domains/domains.ts'
import type { CertificateRow } from '../../store/store.ts'
import type { AcmeDocument, CertificatesDocument } from '../documents.ts'
import { bodyOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

const dayMs = 24 * 60 * 60_000
/** One that no one renews is told of so many days before its end. */
const warnDays = 14

export const givenCertificate = z.strictObject({ chain: z.string(), key: z.string() })

const address = z.url({ protocol: /^https$/ })
export const acmeSettings = z.strictObject({
  /** Null: Let's Encrypt. */
  directory: address.nullable().default(null),
  /** Asked first; Let's Encrypt's staging where the directory is Let's Encrypt's. */
  rehearsal: address.nullable().default(null),
  /** The directory is only for rehearsals (a CA's staging): browsers trust no certificate of it. */
  isRehearsal: z.boolean().optional(),
  email: z.email().nullable().default(null),
  ca: z.string().nullable().default(null),
  dnsHook: z.string().nullable().default(null),
  /** Visitors of hosts with such a certificate are sent to HTTPS and told to stay there. */
  redirect: z.boolean().default(true),
  /** The CA is in the platform's own network; only root may say so. */
  isInternal: z.boolean().default(false),
})

export function certificateRoutes(api: Hono<ApiEnv>, { store, clock, certificates }: ApiParts): void {
  api.get('/v1/certificates', async c => {
    const [hosts, rows] = await Promise.all([certificates.list(), store.listCertificates()])
    const given = rows.filter(row => row.source === 'own')
    const warnings = warningsOf(hosts, given, clock.now())
    return c.json({ hosts, given, warnings } satisfies CertificatesDocument)
  })

  api.post('/v1/certificates', async c => {
    const { chain, key } = await bodyOf(c, givenCertificate)
    const row = await certificates.give({ chain, key, by: nameOf(c.get('principal')) })
    return c.json(row satisfies CertificateRow, 201)
  })

  /** Of those that were given; what ACME has made goes with its domain. */
  api.delete('/v1/certificates/:certificate', async c => {
    const id = c.req.param('certificate')
    const row = (await store.listCertificates()).find(one => one.id === id)
    if (row?.source !== 'own') {
      throw new AppError('not-found', `there is no certificate ${id}`, { hint: '"lading certs ls" lists them.' })
    }
    await store.removeCertificate(id)
    await certificates.changed()
    return c.json({ id, removed: true })
  })

  api.get('/v1/acme', async c => c.json((await acmeDocument()) satisfies AcmeDocument))

  api.put('/v1/acme', async c => {
    const { directory, rehearsal, isRehearsal, ...rest } = await bodyOf(c, acmeSettings)
    if (rest.isInternal && c.get('principal').kind !== 'root') {
      throw new AppError('not-allowed', 'only root on the server may name a CA in its own network', {
        hint: 'Run the command there.',
      })
    }
    const asked = directory ?? letsEncrypt.directory
    await certificates.turnOn({
      directory: asked,
      rehearsal: rehearsal ?? (asked === letsEncrypt.directory ? letsEncrypt.rehearsal : null),
      ...rest,
      isRehearsal: isRehearsal ?? asked === letsEncrypt.rehearsal,
      by: nameOf(c.get('principal')),
      at: clock.now(),
    })
    return c.json((await acmeDocument()) satisfies AcmeDocument)
  })

  /** What was ordered is shown until it ends. */
  api.delete('/v1/acme', async c => {
    await store.removeAcme()
    await certificates.changed()
    return c.json((await acmeDocument()) satisfies AcmeDocument)
  })

  async function acmeDocument(): Promise<AcmeDocument> {
    const [acme, orders] = await Promise.all([store.readAcme(), store.listOrders()])
    if (acme === null) return { account: null, orders }
    const { directory, rehearsal, email, dnsHook, by, at } = acme
    return { account: { directory, rehearsal, email, dnsHook, by, at, hasOwnCa: acme.ca !== null }, orders }
  }
}

/** What someone should do something about, a sentence each. */
function warningsOf(
  hosts: readonly HostCertificate[],
  given: readonly CertificateRow[],
  now: number,
): readonly string[] {
  const daysTo = (time: number) => Math.floor((time - now) / dayMs)
  const when = (time: number) => (time <= now ? 'has ended' : `ends in ${daysTo(time)} days`)
  const soon = now + warnDays * dayMs
  const newer = (row: CertificateRow, host: DomainName) =>
    given.some(one => one.notAfter > soon && one.names.some(name => covers(name, host)) && one.id !== row.id)
  const own = given
    .filter(({ notAfter }) => notAfter <= soon)
    .flatMap(row => {
      const left = hosts.filter(({ host }) => row.names.some(name => covers(name, host)) && !newer(row, host))
      if (left.length === 0) return []
      const names = left.map(({ host }) => host).join(', ')
      return [`the certificate ${row.id} of ${names} ${when(row.notAfter)}: lading certs add --cert FILE --key FILE`]
    })
  const refused = hosts.flatMap(({ host, error, source, notAfter }) => {
    if (error === null) return []
    const held = source === 'acme' ? `; the one it has ${when(notAfter)}` : ''
    return [`${host} gets no certificate by ACME: ${error}${held}`]
  })
  return [...own, ...refused]
}
