import { readFile } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { asAppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { EnvironmentKey } from '../core/names.ts'
import type { EdgePaths } from '../proxy/haproxy/files.ts'
import { KeptRuntime, Runtime } from '../proxy/haproxy/runtime.ts'
import { asLogLine, parseRouterLine } from '../proxy/router-log/router-log.ts'
import { callKeeper } from '../edge/keeper-http.ts'
import { defaults } from '../core/defaults.ts'
import { LineSplitter } from '../lib/async/lines.ts'
import { Bucket } from './bucket.ts'
import type { Writer } from './container.ts'
import { inNanoseconds, type LineRecord } from './record.ts'
import { keyOf, strangersKey } from './strangers.ts'

export interface RouterOptions {
  /** What the keeper shows of it (src/keeper/router-socket.ts). */
  readonly paths: Pick<EdgePaths, 'newestRouter' | 'occupantsSocket'>
  readonly clock: Clock
  readonly log: (line: string) => void
  readonly writerOf: (container: string) => Writer | undefined
  /** What is kept of the router's lines of an environment, from this time on. */
  readonly kept: (key: EnvironmentKey, since: string) => readonly LineRecord[]
}

/** What the router said and no one has written yet. */
export interface RouterBatch {
  readonly key: EnvironmentKey
  readonly records: LineRecord[]
  /** Lines that there was no room for. */
  dropped: number
}

/** The newest HAProxy is looked for so often (ms). */
const lookMs = 500
/** Slots change their occupants; who was asked so long ago (ms) is asked again. */
const occupantsMs = 1_000
/** While the disk takes nothing, so many lines of one environment wait. */
const mostWaiting = 20_000
const askMs = 500

/**
 * One line for each request, out of the memory of HAProxy (its ring `router`), of all environments at once. A HAProxy that
 * is replaced is listened to until its last request has ended, and no longer: the connection keeps it alive.
 */
export class RouterLog {
  readonly #options: RouterOptions
  readonly #waiting = new Map<string, RouterBatch>()
  readonly #bucket: Bucket
  /** Of strangers, who take nothing from the lines of apps. */
  readonly #strangers: Bucket
  #newest = ''
  #occupants: ReadonlyMap<string, string> = new Map()
  #occupantsAt = -Infinity

  constructor(options: RouterOptions) {
    this.#options = options
    const { logLinesPerSecond: perSecond, logLinesBurst: burst } = defaults
    const { logStrangersPerSecond, logStrangersBurst } = defaults
    const now = options.clock.monotonic()
    this.#bucket = new Bucket({ perSecond, burst, now })
    this.#strangers = new Bucket({ perSecond: logStrangersPerSecond, burst: logStrangersBurst, now })
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    while (!signal.aborted) {
      const socket = await this.#newestSocket()
      if (socket !== null && socket !== this.#newest) {
        this.#newest = socket
        this.#follow(socket, signal).catch((error: unknown) => {
          if (!signal.aborted) log(`router: ${socket}: ${asAppError(error).message}`)
          // Again, if it still is the newest.
          if (this.#newest === socket) this.#newest = ''
        })
      }
      await clock.sleep(lookMs, signal).catch(() => undefined)
    }
  }

  /**
   * Lines since the last time; `back` what the disk did not take. How many of strangers were left out is told with the next
   * that is kept: told by itself, again and again, it would fill their log.
   */
  take(): readonly RouterBatch[] {
    const batches = [...this.#waiting.values()].filter(({ key, records }) => key !== strangersKey || records.length > 0)
    for (const { key } of batches) this.#waiting.delete(environmentId(key))
    return batches
  }

  back({ key, records, dropped }: RouterBatch): void {
    const waiting = this.#batchOf(key)
    waiting.records.unshift(...records)
    waiting.dropped += dropped
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  async #newestSocket(): Promise<string | null> {
    try {
      const newest = JSON.parse(await readFile(this.#options.paths.newestRouter, 'utf8')) as { runtimeSocket?: string }
      return newest.runtimeSocket ?? null
    } catch {
      // There is none yet, after a boot.
      return null
    }
  }

  async #follow(socket: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const own = new AbortController()
    const either = AbortSignal.any([signal, own.signal])
    const kept = await KeptRuntime.open(socket, clock)
    // One that has ended does not answer any more, and its stream ends too.
    const leave = this.#leaveWhenEmpty(socket, kept, either)
      .catch(() => undefined)
      .finally(() => own.abort())
    try {
      const seen = new Seen(this.#options, inNanoseconds(new Date(clock.now()).toISOString()))
      const splitter = new LineSplitter()
      for await (const text of new Runtime(socket, clock).stream('show events router -w', either)) {
        const lines = splitter.push(text)
        await this.#refreshOccupants(either)
        this.#bucket.refill(clock.monotonic())
        this.#strangers.refill(clock.monotonic())
        for (const line of lines) this.#line(line, seen)
      }
    } finally {
      own.abort()
      kept.close()
      await leave
    }
    if (this.#newest === socket) this.#newest = ''
  }

  /** Resolves when this HAProxy is not the newest and has nothing left to tell. */
  async #leaveWhenEmpty(socket: string, kept: KeptRuntime, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      await clock.sleep(askMs, signal)
      if (this.#newest === socket || this.#newest === '') continue
      const counts = await kept.inFlight()
      if ([...counts].every(([backend, count]) => count === 0 || backend.startsWith('lading_'))) return
    }
  }

  #line(text: string, seen: Seen): void {
    const begin = text.indexOf(' ') + 1
    const [environment = '', slot = '', status = ''] = text.slice(begin).split('\t', 3)
    const key = keyOf({ environment, slot, status })
    if (key === null) return
    const batch = this.#batchOf(key)
    const bucket = key === strangersKey ? this.#strangers : this.#bucket
    if (batch.records.length >= mostWaiting || !bucket.take(text.length)) {
      batch.dropped++
      return
    }
    const entry = parseRouterLine(text)
    if (entry === null) return
    const writer = this.#options.writerOf(this.#occupants.get(entry.slot) ?? '')
    const line = asLogLine(entry, () => writer?.name ?? null)
    const time = inNanoseconds(line.time)
    const record: LineRecord = {
      time,
      source: 'router',
      release: writer?.release ?? '-',
      container: '-',
      stream: 'stdout',
      partial: false,
      text: line.text,
    }
    if (!seen.has(key, record)) batch.records.push(record)
  }

  #batchOf(key: EnvironmentKey): RouterBatch {
    const id = environmentId(key)
    let batch = this.#waiting.get(id)
    if (batch === undefined) this.#waiting.set(id, (batch = { key, records: [], dropped: 0 }))
    return batch
  }

  /** Names are better than nothing: while no keeper answers, those of before. */
  async #refreshOccupants(signal: AbortSignal): Promise<void> {
    const { clock, paths } = this.#options
    if (clock.monotonic() - this.#occupantsAt < occupantsMs) return
    this.#occupantsAt = clock.monotonic()
    try {
      const text = await callKeeper(
        { socketPath: paths.occupantsSocket, method: 'GET', path: '/edge/tenants', term: 0, clock },
        signal,
      )
      this.#occupants = new Map(Object.entries(JSON.parse(text) as Record<string, string>))
    } catch (error) {
      if (signal.aborted) throw error
    }
  }
}

/**
 * A ring is read from its oldest line on: what is kept already is known by its time (microseconds) and request. Only lines
 * from before the reading began can be kept.
 */
class Seen {
  readonly #options: RouterOptions
  readonly #began: string
  readonly #known = new Map<string, Set<string>>()

  constructor(options: RouterOptions, began: string) {
    this.#options = options
    this.#began = began
  }

  has(key: EnvironmentKey, record: LineRecord): boolean {
    if (record.time > this.#began) return false
    const id = environmentId(key)
    let known = this.#known.get(id)
    if (known === undefined) {
      // The first that comes of an environment is the oldest that the ring still has of it.
      known = new Set(this.#options.kept(key, record.time).flatMap(one => (one.source === 'router' ? nameOf(one) : [])))
      this.#known.set(id, known)
    }
    return known.has(nameOf(record))
  }
}

function nameOf({ time, text }: LineRecord): string {
  return `${time} ${/ request_id=(\S+)/.exec(text)?.[1] ?? ''}`
}
