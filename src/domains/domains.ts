import type { DomainName } from '../core/names.ts'
import type { CertificateRow } from '../store/store.ts'

/**
 * Which certificate each host shows, kept true by itself (docs/design/domains.md). Changes are rows of the store; whoever
 * has written one says so here.
 */
export interface Certificates {
  /** The rows have changed. Resolves when every edge shows what follows from them; orders go on behind it. */
  changed(): Promise<void>
  /** The one a host shows now; null: the platform CA's. */
  shownFor(host: DomainName): Promise<CertificateRow | null>
  /** Rejects `not-found` where the operator's folder has no program of that name, `invalid-input` when it cannot be run. */
  assertHook(name: string): Promise<void>
}
