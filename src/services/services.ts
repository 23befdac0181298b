import type { AttachmentRow, ServiceRow } from '../store/service-store.ts'

/** What is seen of a service now. */
export interface ServiceCondition {
  /** Its process runs and takes connections. */
  readonly up: boolean
  /** Bytes of data; null: it could not be asked. */
  readonly bytes: number | null
}

/** A backup of a service, at the place of the platform's backups. */
export interface ServiceBackup {
  /** `service-postgres-db-20261203T054800Z.age` */
  readonly name: string
  readonly kind: string
  readonly service: string
  /** It goes when the schedule has made enough newer ones. */
  readonly scheduled: boolean
  /** Bytes, encrypted. */
  readonly size: number
}

/** Backing services as the listeners see them; the rows say what is wanted (docs/design/services.md). */
export interface Services {
  /** The rows have changed: they are looked at now. */
  wake(): void
  see(service: ServiceRow, signal: AbortSignal): Promise<ServiceCondition>
  /** Resolves when the pair of credentials opens the service. Rejects `unavailable` (retryable) while it does not run. */
  grant(service: ServiceRow, attachment: AttachmentRow, signal: AbortSignal): Promise<void>
  /** What the app gets as its variable. */
  url(service: ServiceRow, attachment: AttachmentRow): Promise<string>
  /** Dumped, encrypted, written to the place and read again from there. Rejects `conflict` while another backup is made. */
  backUp(service: ServiceRow, signal: AbortSignal): Promise<ServiceBackup>
  /** Oldest first. */
  backups(signal: AbortSignal): Promise<readonly ServiceBackup[]>
}
