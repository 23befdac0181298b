import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import { isMissing, isSystemError } from '../lib/files.ts'

/** One backup at its place. */
export interface Kept {
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** A place that backups are put to and taken from. */
export interface BackupStorage {
  /** As a person would type it. */
  readonly address: string
  /** Whole or not at all; the bytes written. */
  put(name: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number>
  read(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Oldest first: names begin with the same words and end with the time. */
  list(signal: AbortSignal): Promise<readonly Kept[]>
  remove(name: string, signal: AbortSignal): Promise<void>
}

const partOf = /\.age\.part$/

/** `lading-example.com-20261125T031500Z.auto.age`; those that the schedule made say so, and only they go by its rule. */
export function backupName(baseDomain: string, made: Date, by: 'schedule' | 'hand'): string {
  const time = made.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `lading-${baseDomain}-${time}${by === 'schedule' ? '.auto' : ''}.age`
}

/** Backups of the schedule that the newest `keep` make superfluous. */
export function superfluous(kept: readonly Kept[], baseDomain: string, keep: number): readonly string[] {
  const before = `lading-${baseDomain}-`
  // A domain may begin like another one and go on with a dash.
  const isOwn = (name: string) => name.startsWith(before) && /^\d{8}T\d{6}Z\.auto\.age$/.test(name.slice(before.length))
  const own = kept.map(({ name }) => name).filter(isOwn)
  return own.toSorted().slice(0, Math.max(0, own.length - keep))
}

/** A folder of this machine, or one that is mounted here. */
export function folderStorage(folder: string): BackupStorage {
  return {
    address: folder,
    async put(name, chunks, signal) {
      await removeParts(folder)
      const part = join(folder, `${name}.part`)
      const file = await open(part, 'w', 0o600).catch(asFolderError(folder))
      let size = 0
      try {
        for await (const chunk of chunks) {
          signal.throwIfAborted()
          await file.writeFile(chunk)
          size += chunk.length
        }
        await file.sync()
      } catch (error) {
        await file.close()
        await rm(part, { force: true })
        throw asWriteError(error, folder)
      }
      await file.close()
      await rename(part, join(folder, name))
      return size
    },
    async *read(name, signal) {
      const file = await open(join(folder, name), 'r').catch(asFolderError(folder))
      for await (const chunk of file.createReadStream({ signal, highWaterMark: 1 << 20 })) yield chunk as Buffer
    },
    async list() {
      const names = (await readdir(folder).catch(asFolderError(folder))).filter(name => name.endsWith('.age'))
      return Promise.all(names.toSorted().map(async name => ({ name, size: (await stat(join(folder, name))).size })))
    },
    async remove(name) {
      await rm(join(folder, name), { force: true })
    },
  }
}

/** Of one that was killed. */
async function removeParts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(asFolderError(folder)))
    if (partOf.test(name)) await rm(join(folder, name), { force: true })
}

function asWriteError(error: unknown, folder: string): unknown {
  if (!isSystemError(error, 'ENOSPC')) return error
  const hint = 'Free space there, keep fewer ("lading backup schedule --keep N"), or put them elsewhere (--to).'
  return new AppError('no-room', `the disk of ${folder} is full`, { hint, cause: error })
}

function asFolderError(folder: string) {
  return (cause: NodeJS.ErrnoException): never => {
    if (isMissing(cause))
      throw new AppError('not-found', `there is no ${cause.path ?? folder}`, {
        hint: `Make it, or mount what belongs there: ${folder}`,
        cause,
      })
    throw new AppError('unavailable', `${folder} cannot be used: ${cause.message}`, { cause })
  }
}
