import { mkdir } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import { buffer } from 'node:stream/consumers'
import {
  attemptSchema,
  backupRoot,
  defaultSchedule,
  scheduleSchema,
  type Attempt,
  type Backups,
  type BackupStatus,
  type Schedule,
  type ScheduleChange,
} from '../backup/backups.ts'
import { keptList, result, verified, type Job, type Result, type Verified } from '../backup/job.ts'
import type { S3Access } from '../backup/s3-access.ts'
import { parseS3 } from '../backup/s3.ts'
import type { Kept } from '../backup/storage.ts'
import type { Clock } from '../core/clock.ts'
import { AppError, asAppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { uncancelled } from '../lib/async/chunks.ts'
import type { Store } from '../store/store.ts'
import { startBackup, type BackupProgram } from './backup-program.ts'
import type { Log } from './log.ts'

const secretSetting = 'backup.s3-secret'
const hourMs = 3_600_000
/** After a start: first what people wait for. */
const firstPauseMs = 10 * 60_000
/** How often the schedule is looked at; it may be changed meanwhile. */
const pauseMs = 5 * 60_000
/** One that failed is tried again so soon, however rare the schedule. */
const againMs = hourMs

interface BackupOptions {
  readonly store: Pick<Store, 'readSettings' | 'writeSetting'>
  readonly clock: Clock
  readonly log: Log
  /** The backup program, and Node's options for it. */
  readonly program: readonly string[]
  /** Backs up what is not in the file, and keeps the newest so many of each; what fails there, the backup has failed. */
  readonly alongside?: (keep: number) => Promise<void>
  /** Ends with the lease. */
  readonly signal: AbortSignal
}

/** Makes backups by a program of its own, by hand and by the schedule. */
export class BackupRunner implements Backups {
  readonly #options: BackupOptions
  #running = false

  constructor(options: BackupOptions) {
    this.#options = options
  }

  async status(): Promise<BackupStatus> {
    const settings = await this.#options.store.readSettings()
    const schedule = read(settings, 'backup.schedule', scheduleSchema) ?? defaultSchedule
    const last = read(settings, 'backup.last', attemptSchema)
    const lastGood = read(settings, 'backup.last-good', attemptSchema)
    const since = lastGood?.at ?? Number(settings['backup.since'] ?? this.#options.clock.now())
    const overdue = schedule.on && this.#options.clock.now() - since > 2 * schedule.everyHours * hourMs
    return { schedule, last, lastGood, overdue, running: this.#running }
  }

  async change({ s3, ...change }: ScheduleChange): Promise<BackupStatus> {
    const { schedule } = await this.status()
    const { secretAccessKey, ...known } = s3 ?? { secretAccessKey: null }
    const next = scheduleSchema.parse({ ...schedule, ...change, ...(s3 && { s3: known }) })
    requireReachable(next)
    if (secretAccessKey !== null) await this.#options.store.writeSetting(secretSetting, secretAccessKey)
    await this.#write('backup.schedule', next)
    return this.status()
  }

  async kept(): Promise<readonly Kept[]> {
    return keptList.parse(await this.answer({ do: 'list', ...(await this.place()) }, this.#options.signal))
  }

  async now(): Promise<Result> {
    const { schedule } = await this.status()
    // One that is refused for another is no attempt of its own.
    this.#begin()()
    try {
      const made = await this.exclusively(async () => {
        if (isFolder(schedule.to)) await mkdir(schedule.to, { recursive: true, mode: 0o700 })
        return this.#keep(schedule)
      })
      await this.#options.alongside?.(schedule.keep)
      await this.#note({ made, failed: null })
      this.#options.log('backup made', { ...made })
      return made
    } catch (error) {
      this.#options.signal.throwIfAborted()
      const { message, hint } = asAppError(error)
      await this.#note({ made: null, failed: { message, hint: hint ?? null } })
      this.#options.log('backup failed', { error: asAppError(error) })
      throw error
    }
  }

  async verify(file: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Verified> {
    // It is the body of a request, and one that is not whole is answered too.
    const body = uncancelled(file)
    return this.exclusively(async () => verified.parse(await this.answer({ do: 'verify' }, signal, body)))
  }

  async *pack(passphrase: Secret | null, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const end = this.#begin()
    try {
      const child = this.start({ do: 'pack', passphrase: passphrase?.reveal() ?? null }, signal)
      try {
        for await (const chunk of child.process.stdout!) yield chunk as Buffer
        await child.ended
      } finally {
        child.process.kill('SIGKILL')
      }
    } finally {
      end()
    }
  }

  /** By the schedule, until the signal. What fails is noted, reported by doctor, and tried again. */
  async keepMaking(signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#options
    if ((await store.readSettings())['backup.since'] === undefined)
      await store.writeSetting('backup.since', String(clock.now()))
    for (let pause = firstPauseMs; ; pause = pauseMs) {
      await clock.sleep(pause, signal)
      try {
        if (isDue(await this.status(), clock.now())) await this.now()
      } catch {
        signal.throwIfAborted()
      }
    }
  }

  /** Where backups go now. */
  async place(): Promise<{ readonly to: string; readonly s3: S3Access | null }> {
    return this.#place((await this.status()).schedule)
  }

  async #place({ to, s3 }: Schedule): Promise<{ readonly to: string; readonly s3: S3Access | null }> {
    if (isFolder(to) || s3 === undefined) return { to, s3: null }
    const secretAccessKey = (await this.#options.store.readSettings())[secretSetting] ?? ''
    return { to, s3: { ...s3, secretAccessKey } }
  }

  async #keep(schedule: Schedule): Promise<Result> {
    const job = { do: 'keep', ...(await this.#place(schedule)), keep: schedule.keep } as const
    return result.parse(await this.answer(job, this.#options.signal))
  }

  /** What the backup program answers, as JSON. */
  async answer(job: Job, signal: AbortSignal, input?: AsyncIterable<Uint8Array>): Promise<unknown> {
    const { process: child, ended } = this.start(job, signal, input)
    const answered = await buffer(child.stdout!)
    await ended
    return JSON.parse(answered.toString()) as unknown
  }

  /** The backup program, which ends with the lease too. */
  start(job: Job, signal: AbortSignal, input?: AsyncIterable<Uint8Array>): BackupProgram {
    return startBackup(this.#options.program, { job, input }, AbortSignal.any([signal, this.#options.signal]))
  }

  async #note(outcome: Pick<Attempt, 'made' | 'failed'>): Promise<void> {
    const attempt: Attempt = { at: this.#options.clock.now(), ...outcome }
    await this.#write('backup.last', attempt)
    if (attempt.made !== null) await this.#write('backup.last-good', attempt)
  }

  #write(name: string, value: unknown): Promise<void> {
    return this.#options.store.writeSetting(name, JSON.stringify(value))
  }

  /** Nothing else is being backed up meanwhile. Rejects `conflict` (retryable) when it is. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const end = this.#begin()
    try {
      return await work()
    } finally {
      end()
    }
  }

  /** Both need room on the same disk. */
  #begin(): () => void {
    if (this.#running)
      throw new AppError('conflict', 'a backup is being made', { hint: 'Try again in a minute.', retryable: true })
    this.#running = true
    return () => {
      this.#running = false
    }
  }
}

function isDue({ schedule, last, lastGood, running }: BackupStatus, now: number): boolean {
  if (!schedule.on || running) return false
  if (last?.failed && now - last.at < againMs) return false
  return lastGood === null || now - lastGood.at >= schedule.everyHours * hourMs
}

function isFolder(to: string): boolean {
  return to.startsWith('/')
}

function requireReachable({ to, s3 }: Schedule): void {
  if (parseS3(to) !== null) {
    if (s3 !== undefined) return
    throw new AppError('invalid-input', `there are no credentials for the store of ${to}`, {
      hint: 'Give --endpoint URL, and --credentials FILE with AWS_ACCESS_KEY_ID= and AWS_SECRET_ACCESS_KEY=.',
    })
  }
  const isBelow = normalize(to) === to && to.startsWith(`${backupRoot}/`)
  if (isBelow) return
  throw new AppError('invalid-input', `the control plane does not reach ${JSON.stringify(to)}`, {
    hint: `Give a folder below ${backupRoot}, where another disk or a share may be mounted, or s3://BUCKET/FOLDER; "lading backup --to FOLDER" writes one backup to any folder.`,
  })
}

function read<T>(
  settings: Readonly<Record<string, string>>,
  name: string,
  schema: { parse: (value: unknown) => T },
): T | null {
  const text = settings[name]
  return text === undefined ? null : schema.parse(JSON.parse(text))
}

/** Beside the control plane's own bundle. */
export const backupProgram = join(import.meta.dirname, 'backup.js')
