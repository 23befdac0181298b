import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { readTar } from '../core/tar.ts'
import { readIfThere } from '../lib/files.ts'
import { decrypted } from './age.ts'
import { entry, isEntry, parseManifest, type Manifest } from './format.ts'

/**
 * Opens a backup into `folder`, which is made again. Rejects `invalid-input` where it is no backup, where the passphrase is
 * another one, and where a byte of it is wrong or missing; then the folder is gone.
 */
export async function unpack(chunks: AsyncIterable<Uint8Array>, passphrase: Secret, folder: string): Promise<Manifest> {
  await rm(folder, { recursive: true, force: true })
  try {
    for await (const { path, kind, body } of readTar(decrypted(chunks, passphrase))) {
      if (kind === 'folder') continue
      if (kind !== 'file' || !isEntry(path))
        throw new AppError('invalid-input', `this is not a backup of Lading: it holds ${JSON.stringify(path)}`)
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await pipeline(body, createWriteStream(target, { mode: 0o600, flush: true }))
    }
    return await readManifest(folder)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** Of a backup that was unpacked. */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readIfThere(join(folder, entry.manifest))
  if (text === null) throw new AppError('invalid-input', `this is not a backup of Lading: it has no ${entry.manifest}`)
  return parseManifest(text)
}
