import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, asAppError } from '../core/errors.ts'
import { parseAppName, type AppName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import type { Store } from '../store/store.ts'
import { isRecoveryCode } from './age.ts'
import { entry } from './format.ts'
import type { Verified } from './job.ts'
import { readManifest } from './unpack.ts'

/** What a backup is restored with; the same hands do it in earnest. */
export interface VerifyDeps {
  /** Rejects when the file is damaged. */
  readonly checkStore: (path: string) => void
  readonly openStore: (path: string, dataKey: Secret) => Promise<Store>
  /** A new repository from a bundle, below a folder that goes afterwards; rejects when an object is missing. */
  readonly restoreRepository: (app: AppName, bundle: string) => Promise<void>
  readonly say: (line: string) => void
}

/**
 * A backup that was not restored is none: the rows are opened, one secret of each environment unsealed, each repository
 * is made again and asked for the commits that serve, keys are tried on what they belong to. Rejects `invalid-input` with
 * everything that is wrong.
 */
export async function verify(folder: string, deps: VerifyDeps): Promise<Verified> {
  const manifest = await readManifest(folder)
  const wrong: string[] = []
  const attempt = async (work: () => Promise<void> | void) => {
    try {
      await work()
    } catch (error) {
      const { message, details } = asAppError(error)
      wrong.push(message, ...details)
    }
  }
  let releases = 0
  let known: readonly AppName[] = []
  await attempt(async () => {
    deps.say('store')
    ;({ releases, apps: known } = await checkRows(folder, deps))
  })
  const bundled = manifest.apps.filter(({ hasBundle }) => hasBundle).map(({ app }) => parseAppName(app))
  for (const app of bundled)
    await attempt(async () => {
      deps.say(`git ${app}`)
      await deps.restoreRepository(app, join(folder, entry.bundle(app)))
    })
  await attempt(() => checkAuthority(folder))
  for (const name of [entry.token, entry.registryToken])
    await attempt(async () => {
      if ((await readFile(join(folder, name), 'utf8')).trim() === '') throw new Error(`${name} is empty`)
    })
  if (wrong.length > 0)
    throw new AppError('invalid-input', 'the backup cannot be restored', {
      details: wrong,
      hint: 'Take an older one; and look why this one is broken: a disk, a transfer that was cut.',
    })
  return { apps: known.length, releases, repositories: bundled.length }
}

async function checkRows(folder: string, { checkStore, openStore }: VerifyDeps) {
  const path = join(folder, entry.store)
  checkStore(path)
  const code = (await readFile(join(folder, entry.recoveryCode), 'utf8')).trim()
  if (!isRecoveryCode(code)) throw new Error(`${entry.recoveryCode} does not hold 64 hexadecimal digits`)
  const store = await openStore(path, new Secret(code))
  try {
    let releases = 0
    for (const key of await store.listEnvironments()) {
      await store.readConfig(key, 0)
      if ((await store.servingRelease(key)) !== null) releases++
    }
    await store.readSettings()
    return { releases, apps: (await store.listApps()).map(({ app }) => app) }
  } finally {
    await store.close()
  }
}

async function checkAuthority(folder: string): Promise<void> {
  const certificate = new X509Certificate(await readFile(join(folder, entry.caCertificate)))
  const key = createPrivateKey(await readFile(join(folder, entry.caKey)))
  if (!certificate.checkPrivateKey(key)) throw new Error('the certificate authority and its key do not belong together')
}
