import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Files } from '../build/files.ts'
import { AppError } from '../core/errors.ts'
import { isSystemError } from '../lib/files.ts'

/** Folders that are never committed, and may be large. */
const notOurs = new Set(['.git', 'node_modules', '.venv', 'venv', '__pycache__', '.next', '.tox'])

/** The files of a folder on this machine, those that are not committed too. */
export function filesOf(root: string, folder: string): Files {
  return {
    async text(path, { bytes, larger }) {
      try {
        const content = await readFile(join(root, path))
        if (larger === 'refused' && content.length > bytes) {
          throw new AppError('invalid-input', `${path} is larger than ${bytes} bytes`)
        }
        return content.subarray(0, bytes).toString('utf8')
      } catch (error) {
        if (isSystemError(error, 'ENOENT', 'EISDIR', 'ENOTDIR')) return null
        throw error
      }
    },
    async paths() {
      try {
        return new Set(await below(root, ''))
      } catch (error) {
        if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
        throw new AppError('not-found', `there is no folder ${folder}`)
      }
    },
  }
}

async function below(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const found = await Promise.all(
    entries.map(async entry => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : below(root, path)
      return [path]
    }),
  )
  return found.flat()
}
