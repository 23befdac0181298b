import type { Clock } from '../core/clock.ts'
import { covers, type DomainName, type HostName, isBelow } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Edges } from '../edge/edges.ts'
import type { CertificateRow, Store } from '../store/store.ts'
import { Mutex } from '../lib/async/mutex.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import type { Certificates } from './domains.ts'

const dayMs = 24 * 60 * 60 * 1000

export interface CertificateTools {
  readonly store: Pick<Store, 'listDomains' | 'listCertificates' | 'openCertificate'>
  readonly edges: Pick<Edges, 'state' | 'certify' | 'uncertify'>
  /** The platform CA's: the one that is valid, or a new one when its end is near. */
  readonly byOwnCa: (host: DomainName, signal: AbortSignal) => Promise<Secret>
  /** Who has logged in has pinned the platform CA for this one: it shows no other. */
  readonly ownHost: HostName
  readonly baseDomain: HostName
  readonly clock: Clock
  readonly warn: (sentence: string, error: unknown) => void
}

/** Of those that cover a host and have not ended: one that was given, else one by ACME; of two, the one that ends later. */
export function bestOf(rows: readonly CertificateRow[], host: DomainName, now: number): CertificateRow | null {
  const rank = ({ source, notAfter }: CertificateRow) => (source === 'own' ? 1e15 : 0) + notAfter
  const fit = rows.filter(row => row.notAfter > now && row.names.some(name => covers(name, host)))
  return fit.toSorted((a, b) => rank(b) - rank(a))[0] ?? null
}

/**
 * Which certificate each host shows (docs/design/domains.md, law: certificate-shown): looked at when rows change, and
 * once a day, so that an app that nobody deploys does not end with its certificate. One that cannot be made keeps no
 * other host from its own.
 */
export class ShownCertificates implements Pick<Certificates, 'changed' | 'shownFor'> {
  readonly #tools: CertificateTools
  readonly #signal: AbortSignal
  readonly #given = new Map<DomainName, string>()
  readonly #looks = new Mutex()
  readonly #wakeup: Wakeup

  constructor(tools: CertificateTools, signal: AbortSignal) {
    this.#tools = tools
    this.#signal = signal
    this.#wakeup = new Wakeup(tools.clock)
  }

  /** The platform's own host, which shows no certificate but the platform CA's. */
  isPinned(host: DomainName): boolean {
    return host === this.#tools.ownHost
  }

  async shownFor(host: DomainName): Promise<CertificateRow | null> {
    if (this.isPinned(host)) return null
    return bestOf(await this.#tools.store.listCertificates(), host, this.#tools.clock.now())
  }

  /** Chain and key for a host. */
  async pemFor(host: DomainName, signal: AbortSignal): Promise<Secret> {
    const row = await this.shownFor(host)
    const pem = row && (await this.#tools.store.openCertificate(row.id))
    return pem ?? this.#tools.byOwnCa(host, signal)
  }

  /** For hosts that are about to be routed. */
  async certify(hosts: readonly DomainName[], signal: AbortSignal): Promise<void> {
    for (const host of hosts) {
      this.#given.delete(host)
      await this.#give(host, signal)
    }
  }

  changed(): Promise<void> {
    this.#wakeup.wake()
    return this.#look()
  }

  /** Until the signal (the lease) ends it. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#look()
      await this.#wakeup.wait(await this.#untilNextEnd(), this.#signal)
    }
  }

  /** A day, or less when a certificate ends before: what it was shown for shows the next one then (ms). */
  async #untilNextEnd(): Promise<number> {
    const now = this.#tools.clock.now()
    const rows = await this.#tools.store.listCertificates().catch(() => [])
    const left = rows.map(({ notAfter }) => notAfter - now).filter(ms => ms > 0)
    return Math.min(dayMs, ...left)
  }

  /** One after the other: two that look at once would each give what the other has just replaced. */
  #look(): Promise<void> {
    return this.#looks.run(() => this.#lookNow())
  }

  async #lookNow(): Promise<void> {
    const { edges, store, baseDomain, warn } = this.#tools
    const signal = this.#signal
    try {
      const [{ routes, certificates }, domains] = await Promise.all([edges.state(signal), store.listDomains()])
      const wanted = new Set<DomainName>([...routes.flatMap(({ hosts }) => hosts), ...domains.map(({ name }) => name)])
      for (const { hosts } of routes)
        for (const host of hosts) {
          // An edge that has lost its state.
          if (!certificates.includes(host)) this.#given.delete(host)
          await this.#give(host, signal).catch((error: unknown) => {
            if (!signal.aborted) warn(`the certificate of ${host} was not renewed`, error)
          })
        }
      // The platform's own names stay: one that is not routed now may be about to be.
      for (const host of certificates.filter(one => !wanted.has(one) && !isBelow(one, baseDomain))) {
        await edges.uncertify(host, signal)
        this.#given.delete(host)
      }
    } catch (error) {
      if (!signal.aborted) warn('certificates were not looked at', error)
    }
  }

  async #give(host: DomainName, signal: AbortSignal): Promise<void> {
    const pem = await this.pemFor(host, signal)
    if (this.#given.get(host) === pem.reveal()) return
    await this.#tools.edges.certify(host, pem, signal)
    this.#given.set(host, pem.reveal())
  }
}
