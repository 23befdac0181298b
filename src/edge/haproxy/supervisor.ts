import { AppError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import type { EdgePaths } from './files.ts'
import { pointTo } from './disk.ts'
import { Draining, Haproxy, isRunning, type Predecessor } from './process.ts'
import type { Runtime } from './runtime.ts'

export interface SupervisorOptions {
  readonly binary: string
  readonly paths: EdgePaths
  readonly clock: Clock
  readonly log: (line: string) => void
  /** The newest HAProxy has ended without being replaced. */
  readonly onDeath: (how: string) => void
}

/** The HAProxy that runs, and the old ones that still drain. Start, reload, restart and hand-over are one procedure. */
export class Supervisor {
  readonly #options: SupervisorOptions
  #current: Haproxy | null = null
  #draining: Draining[] = []
  #stopped = false
  #replaced = new AbortController()

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  get running(): Haproxy | null {
    return this.#current
  }

  /** Aborts when this HAProxy is not the newest any more, or has ended. */
  replaced(one: Haproxy): AbortSignal {
    if (this.#current !== one) return AbortSignal.abort()
    return this.#replaced.signal
  }

  /** Rejects `unavailable` while no HAProxy runs. */
  get runtime(): Runtime {
    if (this.#current) return this.#current.runtime
    throw new AppError('unavailable', 'HAProxy is being started', { retryable: true })
  }

  get drainingPids(): readonly number[] {
    return this.#draining.filter(one => !one.done).map(one => one.pid)
  }

  /**
   * Starts HAProxy number `process` with the configuration on the disk. `before` goes on until the new one has its
   * listeners; then it gets nothing new. When the new one does not come up, nothing has changed.
   */
  async replace(process: number, before: Predecessor | null): Promise<void> {
    const { binary, paths, clock, log } = this.#options
    const next = await Haproxy.start(
      {
        binary,
        config: paths.config,
        runtimeSocket: paths.runtimeSocket(process),
        takeFrom: before?.runtimeSocket ?? null,
        log,
      },
      clock,
    )
    await pointTo(paths.nextSocket, paths.relaySocket(process))
    this.#become(next)
    void next.exited.then(how => this.#ended(next, how))
    if (before) await this.#retire(before)
  }

  /** Requests and open connections in these backends, on the newest HAProxy and all that drain. */
  async inFlight(backends: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.#draining = this.#draining.filter(one => !one.done)
    const [newest, ...older] = await Promise.all([
      this.runtime.inFlight(backends),
      ...this.#draining.map(one => one.inFlight()),
    ])
    const sum = new Map(newest)
    for (const counts of older)
      for (const backend of backends) sum.set(backend, (sum.get(backend) ?? 0) + (counts.get(backend) ?? 0))
    return sum
  }

  /** Hands the running HAProxy over to another keeper: from now on its end is not our business. */
  release(): void {
    this.#stopped = true
  }

  /** Soft stop: requests in flight end, nothing new is taken. Resolves when HAProxy has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (!this.#current) return
    process.kill(this.#current.pid, 'SIGUSR1')
    await this.#current.exited
  }

  #become(next: Haproxy | null): void {
    this.#current = next
    this.#replaced.abort()
    this.#replaced = new AbortController()
  }

  async #retire(before: Predecessor): Promise<void> {
    const { clock, log } = this.#options
    try {
      const draining = await Draining.begin(before)
      this.#draining.push(draining)
      draining
        .untilEmpty(clock)
        .catch((error: unknown) => log(`edge: draining HAProxy ${before.pid}: ${String(error)}`))
    } catch (error) {
      if (await isRunning(before)) throw error
      log(`edge: HAProxy ${before.pid} ended before it could drain`)
    }
  }

  #ended(one: Haproxy, how: string): void {
    if (this.#current !== one) return
    this.#become(null)
    if (!this.#stopped) this.#options.onDeath(how)
  }
}
