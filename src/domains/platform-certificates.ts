import { X509Certificate } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { covers, type DomainName, type EnvironmentKey } from '../core/names.ts'
import type { Edges } from '../edge/edges.ts'
import type { AcmeSettings, CertificateRow, OrderRow, Store } from '../store/store.ts'
import { onlyRehearses, type CertificateFacts, type ShownCertificates } from './certificates.ts'
import type { Certificates, HostCertificate } from './domains.ts'
import { checkGiven, factsOf } from './given.ts'
import type { DnsHooks } from './hook.ts'
import { newKey } from './key-and-request.ts'
import type { Ownership } from './ownership.ts'
import { type Orders, renewalOf, underWay } from './orders.ts'

export interface PlatformCertificatesDeps {
  readonly store: Store
  readonly edges: Pick<Edges, 'state'>
  readonly shown: Pick<ShownCertificates, 'changed' | 'facts' | 'isPinned' | 'pemFor' | 'rowFor' | 'shownFor'>
  readonly orders: Pick<Orders, 'assertAccount' | 'wake'>
  readonly hooks: Pick<DnsHooks, 'assert'>
  readonly ownership: Pick<Ownership, 'assert'>
  readonly clock: Clock
}

/** The platform CA's are made again so long before their end (ms): edge/authority.ts. */
const ownRenewalMs = 30 * 24 * 60 * 60_000

/** What the API asks of certificates. */
export class PlatformCertificates implements Certificates {
  readonly #deps: PlatformCertificatesDeps

  constructor(deps: PlatformCertificatesDeps) {
    this.#deps = deps
  }

  async changed(): Promise<void> {
    await this.#deps.shown.changed()
    this.#deps.orders.wake()
  }

  shownFor(host: DomainName): Promise<CertificateRow | null> {
    return this.#deps.shown.shownFor(host)
  }

  assertOwned(name: DomainName, key: EnvironmentKey, signal: AbortSignal): Promise<void> {
    return this.#deps.ownership.assert(name, key, signal)
  }

  async list(): Promise<readonly HostCertificate[]> {
    const { store, shown } = this.#deps
    const named = await this.#named()
    const [facts, orders] = [await shown.facts(), await store.listOrders()]
    return Promise.all(this.#wantedOf(named, facts).map(host => this.#of(host, facts, orders)))
  }

  async give({ chain, key, by }: { chain: string; key: string; by: string }): Promise<CertificateRow> {
    const { store, shown, clock } = this.#deps
    const { facts, pem } = checkGiven({ chain, key }, clock.now())
    const covered = this.#wantedOf(await this.#named(), await shown.facts()).filter(host =>
      facts.names.some(name => covers(name, host)),
    )
    if (!covered.some(host => !shown.isPinned(host))) {
      throw new AppError('conflict', `no app answers at ${facts.names.join(', ')}`, {
        hint:
          covered.length > 0
            ? "The platform's own host keeps the certificate of the platform's CA, which everybody's git has pinned."
            : 'Add the domain first: lading domains add NAME --app APP',
      })
    }
    const row = { ...facts, source: 'own', by, at: clock.now() } as const
    await store.saveCertificate(row, pem)
    await this.changed()
    return row
  }

  async turnOn(settings: AcmeSettings): Promise<void> {
    const { store, hooks, orders } = this.#deps
    if (settings.dnsHook !== null) await hooks.assert(settings.dnsHook)
    const before = await store.readAcme()
    const acme = { ...settings, key: before?.key ?? newKey() }
    await orders.assertAccount(acme)
    // First: once the directory is a real one, they would pass for its certificates and keep their hosts to HTTPS.
    if (before && onlyRehearses(before) && !onlyRehearses(acme)) await this.#removeRehearsed()
    await store.writeAcme(acme)
    // What another directory said, or this one when it was asked otherwise, says nothing about the next answer.
    const facts = ({ directory, rehearsal, ca, dnsHook }: AcmeSettings) =>
      [directory, rehearsal, ca, dnsHook].join('\n')
    if (before && facts(before) !== facts(acme))
      for (const { name } of await store.listOrders()) await store.removeOrder(name)
    await this.changed()
  }

  async #removeRehearsed(): Promise<void> {
    const { store } = this.#deps
    const rows = await store.listCertificates()
    for (const { id, source } of rows) if (source === 'acme') await store.removeCertificate(id)
  }

  /** Hosts that are routed, and domains that are not yet. */
  async #named(): Promise<readonly DomainName[]> {
    const { store, edges } = this.#deps
    const [{ routes }, domains] = await Promise.all([edges.state(AbortSignal.timeout(10_000)), store.listDomains()])
    return [...routes.flatMap(route => route.hosts), ...domains.map(({ name }) => name)]
  }

  #wantedOf(named: readonly DomainName[], { wanted }: CertificateFacts): readonly DomainName[] {
    return [...new Set(named)].filter(host => wanted.has(host)).sort()
  }

  async #of(host: DomainName, facts: CertificateFacts, orders: readonly OrderRow[]): Promise<HostCertificate> {
    const { shown } = this.#deps
    const row = shown.rowFor(host, facts.rows)
    const order = orders.find(one => one.name === host)
    const isRefused = order !== undefined && order.attempts > 0 && !order.reason.endsWith(underWay)
    const error = isRefused ? order.reason : null
    if (row) {
      const renewsAt = row.source === 'own' ? null : (order?.nextAt ?? renewalOf(row))
      return { host, source: row.source, issuer: row.issuer, notAfter: row.notAfter, renewsAt, error }
    }
    const pem = await shown.pemFor(host, facts, AbortSignal.timeout(10_000))
    const { notAfter } = factsOf(new X509Certificate(pem.reveal()))
    const renewsAt = order?.nextAt ?? notAfter - ownRenewalMs
    return { host, source: 'platform', issuer: "the platform's own CA", notAfter, renewsAt, error }
  }
}
