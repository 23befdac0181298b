import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { entry } from '../backup/format.ts'
import { readManifest } from '../backup/unpack.ts'
import { fetchBundle } from '../commit/git/bundle.ts'
import type { GitProgram } from '../commit/git/program.ts'
import { parseAppName } from '../core/names.ts'
import { bringBack } from '../pipeline/bring-back.ts'
import type { Deps } from '../pipeline/deps.ts'
import { ifMissing } from '../lib/files.ts'

interface TakeUp extends Pick<Deps, 'store' | 'repositories' | 'clock' | 'ids' | 'log'> {
  readonly git: GitProgram
  /** Left by `lading restore` beside the database; gone when all of it is done. */
  readonly folder: string
}

/**
 * The control plane's part of a restore, before its listeners open: repositories from their bundles, then the runs that bring
 * back what served. Killed in the middle, the next start does it again.
 */
export async function takeUpBackup(parts: TakeUp, signal: AbortSignal): Promise<void> {
  const { folder, repositories, git, log } = parts
  if (!(await isFolder(folder))) return
  const { apps, made } = await readManifest(folder)
  log('taking up a backup', { made, apps: apps.length })
  for (const { app: name, hasBundle } of apps) {
    const app = parseAppName(name)
    await repositories.create(app, signal)
    if (hasBundle) await fetchBundle(git, app, join(folder, entry.bundle(app)), signal)
  }
  await bringBack(parts, signal)
  // They tell of backups that lie on the other machine.
  for (const name of ['backup.last', 'backup.last-good', 'backup.since']) await parts.store.writeSetting(name, null)
  await rm(folder, { recursive: true })
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory()
  } catch (error) {
    return ifMissing(false)(error)
  }
}
