import { AppError } from '../core/errors.ts'
import type { S3Access } from './s3-access.ts'
import { parseS3, s3Storage } from './s3.ts'
import { folderStorage, type BackupStorage } from './storage.ts'

/** The shelf of an address as a person types it; rejects `invalid-input`. */
export function storageAt(address: string, access: S3Access | null): BackupStorage {
  if (address.startsWith('/')) return folderStorage(address)
  const place = parseS3(address)
  if (place !== null && access !== null) return s3Storage(place, access)
  throw new AppError('invalid-input', `${JSON.stringify(address)} is no place for backups`, {
    hint: 'Give a folder from its root on (/var/backups/share), or s3://BUCKET/FOLDER with --endpoint and --credentials.',
  })
}
