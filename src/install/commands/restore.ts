import { lookup } from 'node:dns/promises'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { entry, type Manifest } from '../../backup/format.ts'
import { verifyUnpacked } from '../../backup/trial.ts'
import { readManifest, unpack } from '../../backup/unpack.ts'
import { AppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { trialDeps } from './backup-deps.ts'
import { certificateShown } from '../platform/certificate-shown.ts'
import { askControl } from '../platform/control-call.ts'
import { isMissing, isThere, readIfThere, writeWhole } from '../../lib/files.ts'
import type { RestoreOptions } from '../options/restore.ts'
import { passphraseFrom } from './passphrase.ts'
import { paths } from '../paths.ts'
import type { Step } from '../steps/steps.ts'
import { dataKeyId } from '../swarm/trust.ts'

/** Says that all below is verified, and of which file; written last. */
const openedMark = join(paths.opened, 'opened.json')
const keysMark = join(paths.opened, 'keys-are-placed')
const pollMs = 1_000

/** Rejects `conflict` where rows are that no restore put there: nothing is ever laid over a platform. */
export async function refuseOccupied(): Promise<void> {
  if (!(await isThere(paths.database)) || (await isThere(openedMark))) return
  throw new AppError('conflict', 'this machine has a platform already', {
    hint: 'Restore on a bare machine; or, when nothing of this one is needed: lading down --purge --yes',
  })
}

/** Opens and verifies the backup, before anything of this machine is changed. */
export function openStep({ file, passphraseFile }: RestoreOptions): Step {
  const path = resolve(file)
  return {
    title: 'backup',
    check: async () => {
      const mark = await readIfThere(openedMark)
      if (mark === null) return null
      const { of } = z.object({ of: z.string() }).parse(JSON.parse(mark))
      if (of !== path)
        throw new AppError('conflict', `a restore of ${of} is under way`, {
          hint: `Go on with it: lading restore ${of}. To start over: rm -r ${paths.opened}`,
        })
      const { made, apps } = await readManifest(paths.opened)
      return `of ${made.slice(0, 16)}Z, ${apps.length} apps, verified`
    },
    act: async (say, signal) => {
      await stat(path).catch(cause => {
        throw new AppError('not-found', `there is no file ${path}`, { cause })
      })
      const passphrase = await passphraseFrom(passphraseFile, `Recovery code or passphrase of ${file}: `)
      say('opening it')
      await mkdir(dirname(paths.opened), { recursive: true })
      await unpack(createReadStream(path, { highWaterMark: 1 << 20, signal }), passphrase, paths.opened)
      try {
        await verifyUnpacked(paths.opened, trialDeps(say, signal))
      } catch (error) {
        await rm(paths.opened, { recursive: true, force: true })
        throw error
      }
      await writeWhole(openedMark, `${JSON.stringify({ of: path })}\n`, 0o600)
    },
  }
}

/** Two of them would answer under one name, and each would be half of the truth. */
export async function refuseBeside({ baseDomain }: Manifest, signal: AbortSignal): Promise<void> {
  // Names below localhost are this machine's own; and once the control plane runs here, it is who answers.
  if (/(^|\.)localhost$/.test(baseDomain) || (await isThere(paths.database))) return
  const ca = await readFile(join(paths.opened, entry.caCertificate), 'utf8')
  const host = `lading.${baseDomain}`
  for (const { address } of await lookup(host, { all: true }).catch(() => [])) {
    if (!((await certificateShown({ address, host, ca }, signal)) instanceof Date)) continue
    throw new AppError('conflict', `the platform that this backup was made of still answers, at ${address} (${host})`, {
      hint: 'Stop it there (lading down). To have both for a time, under two domains: --beside --domain OTHER',
    })
  }
}

/** Keys, tokens and authority, before `up` would make new ones. */
export function keysStep(): Step {
  return {
    title: 'keys',
    check: async () => ((await isThere(keysMark)) ? 'recovery code, tokens, certificate authority' : null),
    act: async (_say, signal) => {
      if ((await dataKeyId(signal)) !== null)
        throw new AppError('conflict', 'this machine has a data key of its own', {
          hint: 'It belongs to a platform that was begun here. When nothing of it is needed: lading down --purge --yes',
        })
      const from = (name: string) => readFile(join(paths.opened, name), 'utf8')
      await writeWhole(paths.unshownCode, await from(entry.recoveryCode), 0o600)
      await writeWhole(paths.token, await from(entry.token), 0o600)
      await writeWhole(paths.registryToken, await from(entry.registryToken), 0o600)
      await placeAuthority()
      await writeWhole(keysMark, '', 0o600)
    },
  }
}

async function placeAuthority(): Promise<void> {
  const folder = `${paths.ca}.new`
  for (const old of [folder, paths.ca]) await rm(old, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const [name, mode] of [
    [entry.caKey, 0o600],
    [entry.caCertificate, 0o644],
  ] as const) {
    const target = join(folder, name.slice('ca/'.length))
    await copyFile(join(paths.opened, name), target)
    await chmod(target, mode)
  }
  await rename(folder, paths.ca)
}

/** The database last, by one rename: where it is, all of it is. Repositories are the control plane's to make. */
export function rowsStep(): Step {
  return {
    title: 'rows and repositories',
    check: async () => ((await isThere(paths.database)) ? paths.control : null),
    act: async () => {
      if (!(await isThere(paths.takenUp))) {
        const part = `${paths.takenUp}.part`
        await mkdir(part, { recursive: true, mode: 0o700 })
        await ifThere(rename(join(paths.opened, 'git'), join(part, 'git')))
        await copyFile(join(paths.opened, entry.manifest), join(part, entry.manifest))
        await rename(part, paths.takenUp)
      }
      await rename(join(paths.opened, entry.store), paths.database)
    },
  }
}

const appList = z.array(
  z.object({
    app: z.string(),
    environments: z.array(
      z.object({
        environment: z.string(),
        running: z.array(z.object({ state: z.string(), intent: z.object({ kind: z.string() }) })),
      }),
    ),
  }),
)
const runList = z.array(
  z.object({
    id: z.string(),
    state: z.string(),
    reason: z.string(),
    intent: z.object({ kind: z.string() }),
  }),
)

/** Apps that are on their way back, or are not back. */
interface StepProgress {
  readonly waiting: readonly string[]
  readonly failed: readonly string[]
  readonly back: number
}

/** Waits until each app answers, or its run has said why not; resolves with a line for each of the latter. */
export async function waitForApps(say: (line: string) => void, signal: AbortSignal): Promise<readonly string[]> {
  for (;;) {
    const { waiting, failed, back } = await lookAtApps(signal)
    if (waiting.length === 0) return failed
    say(
      `${back} back, ${waiting.length} on their way: ${waiting.slice(0, 3).join(', ')}${waiting.length > 3 ? ' …' : ''}`,
    )
    await systemClock.sleep(pollMs, signal)
  }
}

async function lookAtApps(signal: AbortSignal): Promise<StepProgress> {
  const apps = appList.parse(await askControl({ method: 'GET', path: '/v1/apps' }, signal))
  const [waiting, failed, back]: [string[], string[], string[]] = [[], [], []]
  for (const { app, environments } of apps)
    for (const { environment } of environments) {
      const path = `/v1/apps/${app}/environments/${environment}/runs?limit=50`
      const runs = runList.parse(await askControl({ method: 'GET', path }, signal))
      const run = runs.find(({ intent }) => intent.kind === 'restore')
      const name = environment === 'production' ? app : `${app}/${environment}`
      if (run === undefined) continue
      if (run.state === 'live' || run.state === 'settled') back.push(name)
      else if (isOver(run.state)) failed.push(`${name}: ${run.reason} (lading runs show ${run.id})`)
      else waiting.push(name)
    }
  return { waiting, failed, back: back.length }
}

function isOver(state: string): boolean {
  return ['failed', 'failed-after-live', 'superseded', 'cancelled'].includes(state)
}

/** What was opened is not needed any more; from then on this is a platform like any other. */
export async function endRestore(): Promise<void> {
  await rm(paths.opened, { recursive: true, force: true })
}

async function ifThere(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
}
