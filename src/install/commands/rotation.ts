import { open } from 'node:fs/promises'
import type { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'

/** What a rotation is about, from its first line to its last: there while one is under way, and known to root alone. */
export interface ChangeFile<T> {
  /** Null: none is under way. */
  readonly read: () => Promise<T | null>
  /** Rejects `internal` where none is under way. */
  readonly underWay: () => Promise<T>
  readonly write: (change: T) => Promise<void>
}

export function changeFile<T>(path: string, schema: z.ZodType<T>): ChangeFile<T> {
  const read = async () => {
    const text = await readIfThere(path)
    return text === null ? null : schema.parse(JSON.parse(text))
  }
  return {
    read,
    underWay: async () => {
      const change = await read()
      if (change === null) throw new AppError('internal', `${path} went away while the key was changed`)
      return change
    },
    write: change => writeWhole(path, `${JSON.stringify(change)}\n`, 0o600),
  }
}

/**
 * In the same inode, for files that are mounted by themselves. A reader meets the old lines or the new ones where the
 * lines that both have are of one length, as tokens of ours are.
 */
export async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(text, 0, 'utf8')
    await file.truncate(Buffer.byteLength(text))
    await file.sync()
  } finally {
    await file.close()
  }
}
