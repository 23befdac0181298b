import type { DomainName, EnvironmentKey } from '../core/names.ts'
import type { AcmeSettings, CertificateRow } from '../store/store.ts'

/**
 * Which certificate each host shows, kept true by itself (docs/design/domains.md). Changes of domains are rows of the store;
 * whoever has written one says so here.
 */
export interface Certificates {
  /** The rows have changed. Resolves when every edge shows what follows from them; orders go on behind it. */
  changed(): Promise<void>
  /** The one a host shows now; null: the platform CA's. */
  shownFor(host: DomainName): Promise<CertificateRow | null>
  /** Every host that is answered at. */
  list(): Promise<readonly HostCertificate[]>
  /** Rejects `not-allowed`, with what would prove it, when nothing says that the name is this environment's to have. */
  assertOwned(name: DomainName, key: EnvironmentKey, signal: AbortSignal): Promise<void>
  /**
   * Takes a certificate, its chain and key (PEM) for all hosts that it covers. Rejects `invalid-input` with what is wrong
   * with it, and `conflict` when it covers no host that is answered at.
   */
  give(given: { readonly chain: string; readonly key: string; readonly by: string }): Promise<CertificateRow>
  /**
   * From now on every domain gets its certificate by ACME. Rejects with what the directory says when it does not take the
   * account, or when there is no such hook; then nothing is changed.
   */
  turnOn(settings: AcmeSettings): Promise<void>
}

export interface HostCertificate {
  readonly host: DomainName
  readonly source: 'own' | 'acme' | 'platform'
  readonly issuer: string
  /** Ms since the epoch. */
  readonly notAfter: number
  /** Null: no one renews it but who has given it. */
  readonly renewsAt: number | null
  /** Why it was not renewed, or not ordered. */
  readonly error: string | null
}
