import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { attemptSchema, scheduleSchema } from '../../backup/backups.ts'
import { keptList, result, verified as verifiedSchema, type Verified } from '../../backup/job.ts'
import type { S3Access } from '../../backup/s3-access.ts'
import { backupName, folderStorage } from '../../backup/storage.ts'
import { tryRestore } from '../../backup/trial.ts'
import { AppError, unreachable } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { systemClock } from '../../core/system.ts'
import { trialDeps } from './backup-deps.ts'
import { askControl, streamControl } from '../platform/control-call.ts'
import type { BackupCommand, S3Options } from '../options/backup.ts'
import { passphraseFrom } from './passphrase.ts'
import { isTerminal, passOn, print, printJson, progress } from '../printer.ts'
import type { Site } from '../steps/site.ts'

const status = z.object({
  schedule: scheduleSchema,
  last: attemptSchema.nullable(),
  lastGood: attemptSchema.nullable(),
  overdue: z.boolean(),
  running: z.boolean(),
})

export type BackupFacts = z.infer<typeof status>

/** Null when the control plane does not answer, or is of a version that makes no backups. */
export async function backupFacts(signal: AbortSignal): Promise<BackupFacts | null> {
  try {
    return status.parse(await askControl({ method: 'GET', path: '/v1/backups' }, signal))
  } catch (error) {
    if (error instanceof AppError && ['unavailable', 'not-found'].includes(error.code)) return null
    throw error
  }
}

/** `lading backup …` (docs/design/backup.md). */
export async function backup(command: BackupCommand, site: Site, signal: AbortSignal): Promise<void> {
  switch (command.do) {
    case 'now':
      return byTheSchedule(command, signal)
    case 'to':
      return command.to === '-' ? toOutput(command, signal) : toFolder(command, command.to, site, signal)
    case 'ls':
      return list(command.json, signal)
    case 'verify':
      return verifyFile(command, signal)
    case 'schedule':
      return schedule(command, signal)
    default:
      return unreachable(command)
  }
}

async function byTheSchedule({ json }: { readonly json: boolean }, signal: AbortSignal): Promise<void> {
  await withLine('backup', json, async () => {
    const { to } = (await facts(signal)).schedule
    const found = result.parse(await askControl({ method: 'POST', path: '/v1/backups' }, signal))
    return { value: { ...found, to }, fact: `${at(to, found.name)}, ${formatBytes(found.size)}, verified` }
  })
}

type ToCommand = Extract<BackupCommand, { do: 'to' }>

async function bodyOf({ passphraseFile }: ToCommand): Promise<{ readonly passphrase?: string }> {
  if (passphraseFile === null) return {}
  return { passphrase: (await passphraseFrom(passphraseFile, '')).reveal() }
}

/** Nothing else is written to standard output; it may be a pipe to another machine. */
async function toOutput(command: ToCommand, signal: AbortSignal): Promise<void> {
  if (isTerminal())
    throw new AppError('invalid-input', 'a backup is no text for a terminal', {
      hint: 'lading backup --to - | ssh backups@example.com "cat > lading.age"',
    })
  const chunks = await streamControl({ method: 'POST', path: '/v1/backups/file', body: await bodyOf(command) }, signal)
  for await (const chunk of chunks) await passOn(chunk as Buffer, signal)
}

async function toFolder(command: ToCommand, to: string, site: Site, signal: AbortSignal): Promise<void> {
  if (to.startsWith('s3://'))
    throw new AppError('invalid-input', '--to takes a folder here', {
      hint: `An S3 store is a place of the schedule: lading backup schedule --to ${to} --endpoint URL --credentials FILE; then: lading backup`,
    })
  const folder = resolve(to)
  const name = backupName(site.decisions.baseDomain, new Date(systemClock.now()), 'hand')
  const body = await bodyOf(command)
  await withLine('backup', command.json, async say => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const chunks = await streamControl({ method: 'POST', path: '/v1/backups/file', body }, signal)
    const bytes = await folderStorage(folder).put(name, chunks as AsyncIterable<Uint8Array>, signal)
    say('verifying it')
    const file = join(folder, name)
    const { apps } = await verified(
      file,
      body.passphrase === undefined ? null : new Secret(body.passphrase),
      say,
      signal,
    )
    return {
      value: { name, size: bytes, apps, removed: [], to: folder },
      fact: `${file}, ${formatBytes(bytes)}, verified`,
    }
  })
}

type VerifyCommand = Extract<BackupCommand, { do: 'verify' }>

async function verifyFile({ file, passphraseFile, json }: VerifyCommand, signal: AbortSignal): Promise<void> {
  await stat(file).catch(cause => {
    throw new AppError('not-found', `there is no file ${file}`, { cause })
  })
  const isHere = passphraseFile === null && (await backupFacts(signal)) !== null
  const passphrase = isHere ? null : await passphraseFrom(passphraseFile, `Recovery code or passphrase of ${file}: `)
  await withLine('verify', json, async say => {
    const found = await verified(file, passphrase, say, signal)
    const fact = `restored into a throwaway place: ${found.apps} apps, ${found.releases} of them released, ${found.repositories} repositories`
    return { value: found, fact }
  })
}

/** Null: the recovery code of this platform, which its control plane knows. */
async function verified(
  file: string,
  passphrase: Secret | null,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Verified> {
  const chunks = createReadStream(file, { highWaterMark: 1 << 20 })
  if (passphrase === null) {
    const call = { method: 'POST', path: '/v1/backups/verify', stream: chunks } as const
    return verifiedSchema.parse(await askControl(call, signal))
  }
  const folder = await mkdtemp(join(tmpdir(), 'lading-backup-'))
  return tryRestore(chunks, passphrase, join(folder, 'opened'), trialDeps(say, signal)).finally(() =>
    rm(folder, { recursive: true, force: true }),
  )
}

async function list(json: boolean, signal: AbortSignal): Promise<void> {
  const known = await facts(signal)
  const { to } = known.schedule
  const kept = keptList.parse(await askControl({ method: 'GET', path: '/v1/backups/kept' }, signal).catch(asEmpty))
  if (json) return printJson({ ...known, kept })
  const lines = kept.map(({ name, size }) => `  ${formatBytes(size).padStart(10)}  ${at(to, name)}`)
  print([...lines, ...(kept.length > 0 ? [''] : []), ...sentences(known), ''].join('\n'))
}

/** Before the first one there is no folder. */
function asEmpty(error: unknown): readonly [] {
  if (error instanceof AppError && error.code === 'not-found') return []
  throw error
}

/** How things stand, in sentences. */
function sentences({ schedule, last, lastGood, overdue }: BackupFacts): string[] {
  const lines = [
    schedule.on
      ? `Every ${schedule.everyHours} h to ${schedule.to}; the newest ${schedule.keep} are kept.`
      : 'No backups are made by themselves: lading backup schedule --on',
  ]
  lines.push(lastGood === null ? 'None was made yet.' : `The last good one: ${time(lastGood.at)}.`)
  if (last?.failed) lines.push(`THE LAST ONE FAILED, ${time(last.at)}: ${last.failed.message}`)
  if (last?.failed?.hint) lines.push(`  ${last.failed.hint}`)
  if (overdue) lines.push('BACKUPS ARE OVERDUE.')
  return lines
}

type ScheduleCommand = Extract<BackupCommand, { do: 'schedule' }>

async function schedule({ change, s3, json }: ScheduleCommand, signal: AbortSignal): Promise<void> {
  const body = s3 === null ? change : { ...change, s3: await s3AccessFrom(s3) }
  const call = { method: 'PATCH', path: '/v1/backups/schedule', body } as const
  const known = Object.keys(body).length === 0 ? await facts(signal) : status.parse(await askControl(call, signal))
  if (json) printJson(known)
  else print(`${sentences(known).join('\n')}\n`)
}

/** Credentials come from a file, as other programs read it: a list of processes shows arguments. */
async function s3AccessFrom({ endpoint, region, credentials }: S3Options): Promise<S3Access> {
  const text = await readFile(credentials, 'utf8').catch(cause => {
    throw new AppError('not-found', `${credentials} cannot be read`, { cause })
  })
  const value = (name: string) => new RegExp(`^(?:export )?${name}=["']?([^"'\\s]+)["']?$`, 'm').exec(text)?.[1]
  const [accessKeyId, secretAccessKey] = [value('AWS_ACCESS_KEY_ID'), value('AWS_SECRET_ACCESS_KEY')]
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new AppError('invalid-input', `${credentials} does not hold both lines`, {
      hint: 'AWS_ACCESS_KEY_ID=…, and AWS_SECRET_ACCESS_KEY=… below it.',
    })
  return { endpoint, region, accessKeyId, secretAccessKey }
}

async function facts(signal: AbortSignal): Promise<BackupFacts> {
  return status.parse(await askControl({ method: 'GET', path: '/v1/backups' }, signal))
}

/** One line while it works and when it is done; with `json`, the value alone. */
async function withLine<T>(
  title: string,
  json: boolean,
  work: (say: (line: string) => void) => Promise<{ readonly value: T; readonly fact: string }>,
): Promise<void> {
  if (json) {
    const { value } = await work(() => {})
    printJson(value)
    return
  }
  await using line = progress().begin(title)
  line.working()
  line.done((await work(text => line.say(text))).fact)
}

function at(place: string, name: string): string {
  return `${place.replace(/\/$/, '')}/${name}`
}

function formatBytes(bytes: number): string {
  const [unit, size] = bytes < 1 << 20 ? (['kB', bytes / 1e3] as const) : (['MB', bytes / 1e6] as const)
  return `${size.toFixed(1)} ${unit}`
}

function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
