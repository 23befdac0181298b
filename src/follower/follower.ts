import { mkdirSync, watch, type FSWatcher } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { defaults } from '../core/defaults.ts'
import { asAppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { EnvironmentKey } from '../core/names.ts'
import type { FollowerConfig } from './config.ts'
import { callKeeper } from '../edge/keeper-http.ts'
import { Containers } from './containers.ts'
import { Floods } from './floods.ts'
import { Logs } from './logs.ts'
import { recordsSince } from './read.ts'
import { RouterLog } from './router.ts'

export interface FollowerOptions {
  readonly config: FollowerConfig
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** Logs that are written to are read so often (ms). */
const hotEveryMs = 100
/** Without a report of the kernel, new containers are looked for so often (ms). */
const discoverEveryMs = 2_000
const diskEveryMs = 1_000
/** So often is looked for containers that print without end (ms). */
const floodsEveryMs = 500
/** One that begins again and again is told of so often (ms). */
const tellOfFloodMs = 60_000
const forgetEveryMs = 3_600_000

/** One per node: what its containers and its router say, kept by environment (docs/design/logs.md). */
export class Follower {
  readonly logs: Logs
  readonly #options: FollowerOptions
  readonly #containers: Containers
  readonly #router: RouterLog
  readonly #floods: Floods
  /** By container: when its owner was told last (monotonic, ms). */
  readonly #toldOfFlood = new Map<string, number>()
  #watcher: FSWatcher | null = null
  #wake: () => void = () => undefined
  #isNews = true

  constructor(options: FollowerOptions) {
    this.#options = options
    const { config, clock, log } = options
    mkdirSync(config.stateDir, { recursive: true, mode: 0o700 })
    const {
      logSegmentBytes: segmentBytes,
      logKeptBytes: keptBytes,
      logFreeBytes: freeBytes,
      logIdleMs: idleMs,
    } = defaults
    this.logs = new Logs({
      folder: config.stateDir,
      limits: { segmentBytes, keptBytes, freeBytes, idleMs },
      clock,
      log,
    })
    this.#containers = new Containers(config.containers, this.logs)
    this.#floods = new Floods(config.containers, clock.monotonic())
    this.#router = new RouterLog({
      paths: config.router,
      clock,
      log,
      writerOf: container => this.#containers.writerOf(container),
      kept: (key, since) => recordsSince(this.logs.pathsOf(key), since),
    })
  }

  /** Until the signal; then all that was read is on the disk. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, log } = this.#options
    this.#watcher = watch(config.containers, () => this.#news())
    this.#watcher.on('error', error => log(`logs: ${config.containers} cannot be watched: ${error.message}`))
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    const router = this.#router.run(signal)
    try {
      if (this.logs.mayWrite()) this.#containers.missOut()
      await this.#follow(signal)
    } finally {
      this.#watcher.close()
      await router
      await this.logs.sync()
      this.#containers.close()
      this.logs.close()
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const at = { discover: -Infinity, disk: -Infinity, floods: clock.monotonic(), forget: clock.monotonic() }
    let mayWrite = false
    while (!signal.aborted) {
      const now = clock.monotonic()
      if (now - at.disk >= diskEveryMs) {
        mayWrite = this.logs.mayWrite()
        at.disk = now
        await this.logs.sync()
      }
      if (now - at.floods >= floodsEveryMs) {
        for (const container of this.#floods.look(now)) this.#slow(container, { now, mayWrite }, signal)
        at.floods = now
      }
      const isNews = this.#isNews || this.#containers.isPuzzled
      if (mayWrite && (isNews || now - at.discover >= discoverEveryMs)) {
        this.#isNews = false
        this.#containers.discover(now)
        at.discover = now
      }
      if (now - at.forget >= forgetEveryMs) {
        this.logs.forgetIdle(key => this.#containers.has(key))
        at.forget = now
      }
      const isMore = mayWrite && this.#containers.read(now)
      if (mayWrite) this.#writeRouter()
      const isHot = this.#containers.isHot(now) || this.#containers.isPuzzled || this.#router.isWaiting
      await this.#rest(isMore ? 0 : isHot ? hotEveryMs : floodsEveryMs)
    }
  }

  /** The keeper does it, and the owner reads it in the log. Asked again at the next look while it goes on. */
  #slow(container: string, { now, mayWrite }: { now: number; mayWrite: boolean }, signal: AbortSignal): void {
    const { config, clock, log } = this.#options
    const call = { socketPath: config.router.occupantsSocket, method: 'PUT', path: `/brakes/${container}` } as const
    callKeeper({ ...call, term: 0, clock }, signal).catch((error: unknown) => {
      if (!signal.aborted) log(`logs: ${container.slice(0, 12)} is not slowed: ${asAppError(error).message}`)
    })
    const writer = this.#containers.writerOf(container)
    if (!mayWrite || writer === undefined || now - (this.#toldOfFlood.get(container) ?? -Infinity) < tellOfFloodMs)
      return
    if (this.#toldOfFlood.size >= 1000) this.#toldOfFlood.clear()
    this.#toldOfFlood.set(container, now)
    const text = `${writer.name} prints more than 4 MiB a second: it is slowed to ${defaults.logLinesPerSecond} lines a second, and waits where it prints more`
    this.logs.write(writer.key, [this.logs.note(text)], new Map())
  }

  #writeRouter(): void {
    for (const batch of this.#router.take()) {
      const { key, records, dropped } = batch
      const notes =
        dropped > 0
          ? [this.logs.note(`${dropped} lines of router were not kept: more requests than its log may hold`)]
          : []
      if (!this.logs.write(key, [...records, ...notes], new Map())) this.#router.back(batch)
    }
  }

  /** Wakes up early for news of containers. */
  async #rest(ms: number): Promise<void> {
    const own = new AbortController()
    this.#wake = () => own.abort()
    if (this.#isNews) return
    await this.#options.clock.sleep(ms, own.signal).catch(() => undefined)
  }

  #news(): void {
    this.#isNews = true
    this.#wake()
  }

  /** All that is kept of an environment goes, and what its containers say at their end is not kept. */
  forget(key: EnvironmentKey): void {
    this.#containers.ignore(key)
    this.logs.forget(key)
  }

  /** For `lading doctor`, and whoever asks whether it is well. */
  health(): object {
    return { stopped: this.logs.stopped, environments: this.logs.all().map(environmentId) }
  }
}
