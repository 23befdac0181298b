import { createReadStream } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { decrypted, encrypted } from '../backup/age.ts'
import { entry, type Manifest } from '../backup/format.ts'
import { failureLine, job, jobDescriptor, type Job, type Result, type Verified, type Written } from '../backup/job.ts'
import { pack } from '../backup/pack.ts'
import { storageAt } from '../backup/place.ts'
import { backupName, superfluous, type Kept, type BackupStorage } from '../backup/storage.ts'
import { tryRestore } from '../backup/trial.ts'
import { writeOut } from '../backup/write-out.ts'
import { bundleRepository, checkRepository, fetchBundle } from '../commit/git/bundle.ts'
import { gitProgram } from '../commit/git/program.ts'
import { GitRepositories } from '../commit/git/repositories.ts'
import { defaults } from '../core/defaults.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { wantedImages } from '../pipeline/clean.ts'
import { OperatorLimits } from '../pipeline/operator-limits.ts'
import { checkSqliteFile, openSqliteStore } from '../store/sqlite.ts'
import { gib } from '../lib/format.ts'
import { readConfig, type Config } from './config.ts'

/**
 * The backup program: a process of its own in the control plane's container, started for one job and gone with it, so that
 * neither deriving a key nor encrypting holds up a push (docs/design/backup.md).
 */
async function main(signal: AbortSignal): Promise<void> {
  // Behind everybody who waits for an answer; one that is started behind them already may not come forward.
  setPriority(Math.max(10, getPriority()))
  const given: Job = job.parse(await json(createReadStream('', { fd: jobDescriptor })))
  const config = readConfig()
  switch (given.do) {
    case 'pack':
      return writeOut(packed(config, passphraseOf(given, config), signal), process.stdout)
    case 'verify':
      return answer(await opened(config, process.stdin, signal))
    case 'keep':
      return answer(await keep(config, storageAt(given.to, given.s3), given.keep, signal))
    case 'list':
      return answer(await storageAt(given.to, given.s3).list(signal))
    case 'put':
      return answer(await put(config, storageAt(given.to, given.s3), given.name, signal))
    case 'remove':
      return storageAt(given.to, given.s3).remove(given.name, signal)
    case 'read':
      return writeOut(decrypted(storageAt(given.to, given.s3).read(given.name, signal), config.dataKey), process.stdout)
  }
}

function answer(result: Result | Verified | Written | readonly Kept[]): void {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

function passphraseOf({ passphrase }: { readonly passphrase: string | null }, { dataKey }: Config): Secret {
  return passphrase === null ? dataKey : new Secret(passphrase)
}

/** law: older-backup-stays. The older ones go after the new one was opened again from where it lies, never before. */
async function keep(config: Config, storage: BackupStorage, count: number, signal: AbortSignal): Promise<Result> {
  const kept = await storage.list(signal)
  await requireRoom(config, storage, kept.at(-1)?.size ?? 0)
  const name = backupName(config.baseDomain, new Date(systemClock.now()), 'schedule')
  const size = await storage.put(name, packed(config, config.dataKey, signal), signal)
  const { apps } = await opened(config, storage.read(name, signal), signal)
  const removed = superfluous(await storage.list(signal), config.baseDomain, count)
  for (const old of removed) await storage.remove(old, signal)
  return { name, size, apps, removed: [...removed] }
}

async function put(config: Config, storage: BackupStorage, name: string, signal: AbortSignal): Promise<Written> {
  await requireRoom(config, storage, 0)
  return { size: await storage.put(name, encrypted(process.stdin, config.dataKey), signal) }
}

/** A backup must not be what fills the disk that the store writes to. */
async function requireRoom({ stateDir }: Config, storage: BackupStorage, lastSize: number): Promise<void> {
  const disks = [stateDir, ...(storage.address.startsWith('/') ? [storage.address] : [])]
  for (const disk of disks) {
    const { bavail, bsize } = await statfs(disk)
    const least = defaults.buildDiskBytes + 2 * lastSize
    if (bavail * bsize >= least) continue
    throw new AppError(
      'no-room',
      `${disk} has ${gib(bavail * bsize, 2)} free, and a backup begins above ${gib(least, 2)}`,
      {
        hint: 'What fills it: lading doctor. Or put backups elsewhere: lading backup schedule --to FOLDER',
      },
    )
  }
}

function packed(config: Config, passphrase: Secret, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { stateDir, dataKey } = config
  const program = gitProgram({ root: join(stateDir, 'git'), hooks: config.hooks })
  const now = new Date(systemClock.now())
  async function* parts() {
    const text = (path: string) => readFile(path, 'utf8')
    const files = {
      [entry.recoveryCode]: `${dataKey.reveal()}\n`,
      [entry.token]: await text(config.tokenFile),
      [entry.registryToken]: `${config.registryToken().reveal()}\n`,
      [entry.caKey]: await text(join(stateDir, 'ca', 'ca.key')),
      [entry.caCertificate]: await text(join(stateDir, 'ca', 'ca.pem')),
    }
    let images: readonly string[] = []
    yield* pack(
      {
        copyStore: async path => {
          const store = await openSqliteStore({ path: join(stateDir, 'lading.db'), dataKey })
          await store.copyTo(path).finally(() => store.close())
        },
        listApps: async path => {
          const store = await openSqliteStore({ path, dataKey })
          try {
            const limits = await OperatorLimits.open(store, () => {})
            images = [...(await wantedImages({ store, limits: limits.current }))].flatMap(([app, digests]) =>
              [...(digests ?? [])].map(digest => `${app}@${digest}`),
            )
            return (await store.listApps()).filter(({ destroyedAt }) => destroyedAt === null).map(({ app }) => app)
          } finally {
            await store.close()
          }
        },
        bundle: (app, path) => bundleRepository(program, app, path, signal),
        files,
        manifest: async (apps): Promise<Manifest> => ({
          format: 1,
          version: config.version,
          made: now.toISOString(),
          baseDomain: config.baseDomain,
          node: config.node,
          apps,
          images: [...images],
        }),
        say: line => process.stderr.write(`${line}\n`),
      },
      join(stateDir, 'backup.packing'),
      now,
    )
  }
  return encrypted(parts(), passphrase)
}

/** Restores into a throwaway place (law: backup-was-opened). */
function opened(config: Config, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Verified> {
  return tryRestore(chunks, config.dataKey, join(config.stateDir, 'backup.opened'), {
    checkStore: checkSqliteFile,
    openStore: (path, dataKey) => openSqliteStore({ path, dataKey }),
    restoreRepository: async (root, app, bundle) => {
      const program = gitProgram({ root, hooks: config.hooks })
      await new GitRepositories(program).create(app, signal)
      await fetchBundle(program, app, bundle, signal)
      await checkRepository(program, app, signal)
    },
    say: line => process.stderr.write(`${line}\n`),
  })
}

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(`got ${name}`)))
main(stop.signal).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(failureLine(asAppError(error)), () => process.exit(1))
  },
)
