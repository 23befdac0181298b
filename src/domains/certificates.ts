import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { letsEncrypt } from '../core/lets-encrypt.ts'
import { covers, type DomainName, type EnvironmentKey, type HostName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Authority } from './authority.ts'
import type { Edges, EdgeState } from '../edge/edges.ts'
import type { AcmeRow, AcmeSettings, CertificateRow, Store } from '../store/store.ts'
import { Mutex } from '../lib/async/mutex.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import type { Certificates } from './domains.ts'

const dayMs = 24 * 60 * 60 * 1000

export interface CertificateDeps {
  readonly store: Pick<
    Store,
    | 'listApps'
    | 'listEnvironments'
    | 'listDomains'
    | 'listCertificates'
    | 'openCertificate'
    | 'removeCertificate'
    | 'readAcme'
  >
  readonly edges: Pick<Edges, 'state' | 'certify' | 'uncertify' | 'onlyHttps'>
  /** The platform CA's: the one that is valid, or a new one when its end is near. */
  readonly byOwnCa: (host: DomainName, signal: AbortSignal) => Promise<Secret>
  /** Hosts that the platform CA keeps a certificate of, and how one of them goes. */
  readonly keptByOwnCa: Pick<Authority, 'hosts' | 'forget'>
  /** The hosts that the platform gives an environment. */
  readonly hosts: (key: EnvironmentKey) => readonly HostName[]
  /** Who has logged in has pinned the platform CA for this one: it shows no other. */
  readonly ownHost: HostName
  readonly clock: Clock
  readonly warn: (sentence: string, error: unknown) => void
}

/** What the store says of certificates and names: read once, for all hosts that are asked about. */
export interface CertificateFacts {
  readonly rows: readonly CertificateRow[]
  readonly acme: AcmeRow | null
  /** The hosts that may have a certificate: the platform's own, those of apps, and domains. */
  readonly wanted: ReadonlySet<DomainName>
}

/** What one look is about. */
interface Look extends CertificateFacts {
  readonly state: EdgeState
  /** Hosts that the platform CA keeps a certificate of. */
  readonly kept: readonly DomainName[]
}

/** Of those that cover a host and have not ended: one that was given, else one by ACME; of two, the one that ends later. */
export function bestOf(rows: readonly CertificateRow[], host: DomainName, now: number): CertificateRow | null {
  const rank = ({ source, notAfter }: CertificateRow) => (source === 'own' ? 1e15 : 0) + notAfter
  const fit = rows.filter(row => row.notAfter > now && row.names.some(name => covers(name, host)))
  return fit.toSorted((a, b) => rank(b) - rank(a))[0] ?? null
}

/**
 * Which certificate each host shows (docs/design/domains.md, law: certificate-shown): looked at when rows change, and
 * once a day, so that an app that no one deploys does not end with its certificate. One that cannot be made keeps no
 * other host from its own.
 */
export class ShownCertificates implements Pick<Certificates, 'changed' | 'shownFor'> {
  readonly #deps: CertificateDeps
  readonly #signal: AbortSignal
  readonly #given = new Map<DomainName, string>()
  readonly #looks = new Mutex()
  readonly #wakeup: Wakeup

  constructor(deps: CertificateDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
    this.#wakeup = new Wakeup(deps.clock)
  }

  /** The platform's own host, which shows no certificate but the platform CA's. */
  isPinned(host: DomainName): boolean {
    return host === this.#deps.ownHost
  }

  async shownFor(host: DomainName): Promise<CertificateRow | null> {
    return this.rowFor(host, await this.#deps.store.listCertificates())
  }

  /** Which of these certificates a host shows; null: the platform CA's. */
  rowFor(host: DomainName, rows: readonly CertificateRow[]): CertificateRow | null {
    return this.isPinned(host) ? null : bestOf(rows, host, this.#deps.clock.now())
  }

  /** Certificates before names: one that comes meanwhile is in the rows of names before it has a certificate. */
  async facts(): Promise<CertificateFacts> {
    const { store } = this.#deps
    const [rows, acme] = [await store.listCertificates(), await store.readAcme()]
    return { rows, acme, wanted: await this.#wanted() }
  }

  /** Chain and key for a host. Rejects `not-found` for a name that no one here has. */
  async pemFor(host: DomainName, { rows, wanted }: CertificateFacts, signal: AbortSignal): Promise<Secret> {
    const row = this.rowFor(host, rows)
    const pem = row && (await this.#deps.store.openCertificate(row.id))
    if (pem) return pem
    // The platform CA signs what the rows hold: names of the base domain that apps have, and domains that were proven.
    if (wanted.has(host)) return this.#deps.byOwnCa(host, signal)
    throw new AppError('not-found', `${host} belongs to no app here, and gets no certificate`)
  }

  /** For hosts that are about to be routed. */
  async certify(hosts: readonly DomainName[], signal: AbortSignal): Promise<void> {
    const facts = await this.facts()
    for (const host of hosts) {
      this.#given.delete(host)
      await this.#give(host, facts, signal)
      // No release waits for it: the next look repeats it.
      if (this.#isHttpsOnly(host, facts))
        await this.#deps.edges.onlyHttps(host, true, signal).catch((error: unknown) => {
          if (!signal.aborted) this.#deps.warn(`visitors of ${host} are not kept to HTTPS`, error)
        })
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
    const now = this.#deps.clock.now()
    const rows = await this.#deps.store.listCertificates().catch(() => [])
    const left = rows.map(({ notAfter }) => notAfter - now).filter(ms => ms > 0)
    return Math.min(dayMs, ...left)
  }

  /** One after the other: two that look at once would each give what the other has just replaced. */
  #look(): Promise<void> {
    return this.#looks.run(() => this.#lookNow())
  }

  async #lookNow(): Promise<void> {
    const { warn } = this.#deps
    const signal = this.#signal
    try {
      const look = await this.#see(signal)
      const { routes, certificates } = look.state
      for (const { hosts } of routes)
        for (const host of hosts.filter(one => look.wanted.has(one))) {
          // An edge that has lost its state.
          if (!certificates.includes(host)) this.#given.delete(host)
          await this.#give(host, look, signal).catch((error: unknown) => {
            if (!signal.aborted) warn(`the certificate of ${host} was not renewed`, error)
          })
        }
      await this.#forgetStrangersOf(look, signal)
      await this.#keepToHttps(look, signal)
    } catch (error) {
      if (!signal.aborted) warn('certificates were not looked at', error)
    }
  }

  /** What is there first: a name that comes meanwhile is in the rows before it has a certificate. */
  async #see(signal: AbortSignal): Promise<Look> {
    const { edges, keptByOwnCa } = this.#deps
    const [state, kept] = [await edges.state(signal), await keptByOwnCa.hosts()]
    return { state, kept, ...(await this.facts()) }
  }

  /**
   * Certificates and keys of names that no one has go everywhere: from HAProxy and its disk, from the platform CA's folder,
   * and from the store, whoever made them. Rejects when an edge is away.
   */
  async forgetStrangers(signal: AbortSignal): Promise<void> {
    await this.#forgetStrangersOf(await this.#see(signal), signal)
  }

  async #forgetStrangersOf({ state, kept, rows, wanted }: Look, signal: AbortSignal): Promise<void> {
    const { edges, store, keptByOwnCa } = this.#deps
    for (const host of state.certificates.filter(one => !wanted.has(one))) {
      await edges.uncertify(host, signal)
      this.#given.delete(host)
    }
    for (const host of kept.filter(one => !wanted.has(one))) await keptByOwnCa.forget(host)
    const isInUse = ({ names }: CertificateRow) =>
      names.some(name => [...wanted].some(host => host === name || covers(name, host)))
    for (const row of rows) if (!isInUse(row)) await store.removeCertificate(row.id)
  }

  /** The platform's own name, those of all apps, also of one that has yet to serve, and the domains; not of an app that is being destroyed. */
  async #wanted(): Promise<ReadonlySet<DomainName>> {
    const { store, hosts, ownHost } = this.#deps
    const [apps, environments, domains] = [
      await store.listApps(),
      await store.listEnvironments(),
      await store.listDomains(),
    ]
    const living = new Set(apps.filter(({ destroyedAt }) => destroyedAt === null).map(({ app }) => app))
    const own = environments.filter(({ app }) => living.has(app)).flatMap(key => hosts(key))
    const given = domains.filter(({ app }) => living.has(app)).map(({ name }) => name)
    return new Set<DomainName>([ownHost, ...own, ...given])
  }

  async #keepToHttps(look: Look, signal: AbortSignal): Promise<void> {
    const { routes, httpsOnly } = look.state
    // A keeper from before this knows nothing of it: it is told when it is of this version too.
    if (httpsOnly === undefined) return
    const routed = look.acme === null ? [] : routes.flatMap(({ hosts }) => hosts)
    for (const host of new Set([...routed, ...httpsOnly])) {
      const isOn = this.#isHttpsOnly(host, look)
      if (httpsOnly.includes(host) !== isOn) await this.#deps.edges.onlyHttps(host, isOn, signal)
    }
  }

  /**
   * Where ACME is on, and the host shows a certificate of it: one that browsers do not trust would lock visitors out.
   * So would one of a CA's staging.
   */
  #isHttpsOnly(host: DomainName, { acme, rows }: CertificateFacts): boolean {
    if (acme === null || acme.redirect === false) return false
    if (onlyRehearses(acme)) return false
    return this.rowFor(host, rows)?.source === 'acme'
  }

  async #give(host: DomainName, facts: CertificateFacts, signal: AbortSignal): Promise<void> {
    const pem = await this.pemFor(host, facts, signal)
    if (this.#given.get(host) === pem.reveal()) return
    await this.#deps.edges.certify(host, pem, signal)
    this.#given.set(host, pem.reveal())
  }
}

/** Browsers trust no certificate of such a directory. */
export function onlyRehearses({ isRehearsal, directory }: AcmeSettings): boolean {
  return isRehearsal ?? directory === letsEncrypt.rehearsal
}
