import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Store } from '../store/store.ts'
import type { Verified } from './job.ts'
import { unpack } from './unpack.ts'
import { verify } from './verify.ts'

/** With these a backup is restored into a throwaway place. */
export interface TrialDeps {
  readonly checkStore: (path: string) => void
  readonly openStore: (path: string, dataKey: Secret) => Promise<Store>
  /** Makes a repository below `root` from a bundle; rejects when an object is missing. */
  readonly restoreRepository: (root: string, app: AppName, bundle: string) => Promise<void>
  readonly say: (line: string) => void
}

/** Opens a backup in `folder`, which goes afterwards, and verifies it there (law: backup-was-opened). */
export async function tryRestore(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: Secret,
  folder: string,
  deps: TrialDeps,
): Promise<Verified> {
  try {
    await unpack(chunks, passphrase, folder)
    return await verifyUnpacked(folder, deps)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same of one that is open already, and stays. */
export async function verifyUnpacked(folder: string, deps: TrialDeps): Promise<Verified> {
  const root = join(folder, 'repositories')
  await mkdir(root, { recursive: true, mode: 0o700 })
  try {
    return await verify(folder, {
      ...deps,
      restoreRepository: async (app, bundle) => {
        await deps.restoreRepository(root, app, bundle)
        await rm(join(root, `${app}.git`), { recursive: true, force: true })
      },
    })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
