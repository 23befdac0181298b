import { existsSync, readdirSync, rmdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { environmentId } from '../core/labels.ts'
import { parseAppName, parseEnvironmentName, type EnvironmentKey } from '../core/names.ts'
import { EnvironmentLog, type LogLimits } from './environment-log.ts'
import { inNanoseconds, recordText, type LineRecord, type Moves } from './record.ts'

export interface LogsOptions {
  /** `<app>/<environment>/<segment>.log` below it. */
  readonly folder: string
  readonly limits: LogLimits & {
    /** Free on the disk; below it nothing is written (bytes). */
    readonly freeBytes: number
    /** Lines of an environment that has none newer are removed (ms). */
    readonly idleMs: number
  }
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** Hears of an environment's lines when they are written. */
export type Listener = (records: readonly LineRecord[]) => void

/** All environments' lines of this node. */
export class Logs {
  readonly #options: LogsOptions
  readonly #open = new Map<string, EnvironmentLog>()
  readonly #listeners = new Map<string, Set<Listener>>()
  /** Why nothing is written; null: all is well. */
  #stopped: string | null = null

  constructor(options: LogsOptions) {
    this.#options = options
  }

  /** What is on the disk already. */
  all(): readonly EnvironmentKey[] {
    const { folder } = this.#options
    return namesIn(folder).flatMap(app =>
      namesIn(join(folder, app)).map(environment => ({
        app: parseAppName(app),
        environment: parseEnvironmentName(environment),
      })),
    )
  }

  of(key: EnvironmentKey): EnvironmentLog {
    const id = environmentId(key)
    let log = this.#open.get(id)
    if (log === undefined) {
      log = new EnvironmentLog(this.folderOf(key), this.#options.limits)
      this.#open.set(id, log)
    }
    return log
  }

  /** Segments, the oldest first; none of an environment that no one has heard of. */
  pathsOf(key: EnvironmentKey): readonly string[] {
    return existsSync(this.folderOf(key)) ? this.of(key).paths : []
  }

  folderOf({ app, environment }: EnvironmentKey): string {
    return join(this.#options.folder, app, environment)
  }

  get stopped(): string | null {
    return this.#stopped
  }

  /** Asked before anything is read: what is not read now stays where it is, for as long as the engine keeps it. */
  mayWrite(): boolean {
    const { folder, limits } = this.#options
    const { bavail, bsize } = statfsSync(folder)
    const isFull = bavail * bsize < limits.freeBytes
    this.#stop(isFull ? `less than ${Math.round(limits.freeBytes / 1024 / 1024)} MiB are free in ${folder}` : null)
    return !isFull
  }

  /** Lines and how far their sources were read, both or neither. False: the disk took nothing, and the caller asks again. */
  write(key: EnvironmentKey, records: readonly LineRecord[], moves: Moves): boolean {
    if (records.length === 0 && moves.size === 0) return true
    const sorted = records.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    try {
      this.of(key).append(sorted.map(recordText).join(''), moves)
    } catch (error) {
      this.#stop(`the disk refuses: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
    if (sorted.length > 0) for (const listener of this.#listeners.get(environmentId(key)) ?? []) listener(sorted)
    return true
  }

  /** A line of the platform itself about this log. */
  note(text: string): LineRecord {
    const time = inNanoseconds(new Date(this.#options.clock.now()).toISOString())
    return { time, source: 'lading', release: '-', container: '-', stream: 'stderr', partial: false, text }
  }

  listen(key: EnvironmentKey, listener: Listener): () => void {
    const id = environmentId(key)
    const listeners = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(id)
    }
  }

  isListenedTo(key: EnvironmentKey): boolean {
    return this.#listeners.has(environmentId(key))
  }

  async sync(): Promise<void> {
    await Promise.all([...this.#open.values()].map(log => log.sync()))
  }

  forget(key: EnvironmentKey): void {
    this.#open.get(environmentId(key))?.close()
    this.#open.delete(environmentId(key))
    rmSync(this.folderOf(key), { recursive: true, force: true })
    const app = join(this.#options.folder, key.app)
    if (existsSync(app) && readdirSync(app).length === 0) rmdirSync(app)
  }

  /** Of environments that have written nothing for long, no one will ask any more. */
  forgetIdle(isNeeded: (key: EnvironmentKey) => boolean): void {
    const { clock, limits, log } = this.#options
    for (const key of this.all()) {
      const newest = this.of(key).paths.at(-1)
      if (newest === undefined || isNeeded(key)) continue
      if (clock.now() - statSync(newest).mtimeMs < limits.idleMs) continue
      log(`logs: ${environmentId(key)} has written nothing for long; its lines are removed`)
      this.forget(key)
    }
  }

  close(): void {
    for (const log of this.#open.values()) log.close()
    this.#open.clear()
  }

  #stop(why: string | null): void {
    if ((why === null) !== (this.#stopped === null))
      this.#options.log(why === null ? 'logs: writing again' : `logs: nothing is written: ${why}`)
    this.#stopped = why
  }
}

function namesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() && /^[a-z][a-z0-9-]*$/.test(entry.name) ? [entry.name] : [],
  )
}
