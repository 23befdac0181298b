import { AppError } from '../core/errors.ts'
import { folderShelf, type Shelf } from './shelf.ts'

/** The shelf of an address as a person types it; rejects `invalid-input`. */
export function shelfAt(address: string): Shelf {
  if (address.startsWith('/')) return folderShelf(address)
  throw new AppError('invalid-input', `${JSON.stringify(address)} is no place for backups`, {
    hint: 'Give a folder from its root on: /mnt/backups',
  })
}
