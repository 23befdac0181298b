import { AppError } from '../core/errors.ts'
import { parseServiceName } from '../core/names.ts'
import type { ServiceRow } from '../store/service-store.ts'
import { parseKind } from './kinds.ts'
import type { ServiceBackup } from './services.ts'

/** The place of the platform's backups, as the services use it: whatever is put there is encrypted on the way. */
export interface ServiceBackupStorage {
  /** Whole or not at all: nothing stays there when `chunks` fail. Bytes written. */
  put(name: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number>
  /** Decrypted; fails where a byte is wrong or missing. */
  read(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>
  list(signal: AbortSignal): Promise<readonly { readonly name: string; readonly size: number }[]>
  remove(name: string, signal: AbortSignal): Promise<void>
}

const pattern = /^service-([a-z]+)-([a-z0-9-]+)-\d{8}T\d{6}Z(\.auto)?\.age$/

/** `service-postgres-db-20261203T054800Z.age`; those that the schedule made say so, and only they go by its rule. */
export function serviceBackupName(
  { kind, name }: Pick<ServiceRow, 'kind' | 'name'>,
  made: Date,
  by: 'schedule' | 'hand',
): string {
  const time = made.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `service-${kind}-${name}-${time}${by === 'schedule' ? '.auto' : ''}.age`
}

/** Null: it is a file of another kind. */
export function readBackupName(name: string): Omit<ServiceBackup, 'size'> | null {
  const [, kind, service, auto] = pattern.exec(name) ?? []
  return kind === undefined || service === undefined ? null : { name, kind, service, scheduled: auto !== undefined }
}

/** Rejects `invalid-input`: of a file that is no backup of a service nothing can be made. */
export function parseBackupName(text: string): Omit<ServiceBackup, 'size'> {
  const found = readBackupName(text)
  if (found === null) {
    throw new AppError('invalid-input', `${JSON.stringify(text.slice(0, 100))} is no backup of a service`, {
      hint: '"lading services backups" lists them.',
    })
  }
  parseKind(found.kind)
  parseServiceName(found.service)
  return found
}
