import { AppError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import { pointLink } from '../../lib/files.ts'
import type { EdgePaths } from './files.ts'
import { sumOf, type Counts } from './drains.ts'
import { Draining, Haproxy, isRunning, type Predecessor } from './process.ts'
import { Unanswered, type Runtime } from './runtime.ts'

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
  /** HAProxies that this keeper started and that have not ended. */
  readonly #children = new Set<Haproxy>()
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
    await pointLink(paths.nextSocket, paths.relaySocket(process))
    this.#become(next)
    this.#children.add(next)
    void next.exited.then(how => this.#ended(next, how))
    if (before) await this.#retire(before)
  }

  /** Requests and open connections in these backends, on the newest HAProxy and all that this keeper sent off. */
  async inFlight(backends: readonly string[]): Promise<Counts> {
    return sumOf(await Promise.all([this.runtime.inFlight(backends), this.draining()]))
  }

  /** What the HAProxies that this keeper sent off still have, by backend. */
  async draining(): Promise<Counts> {
    this.#draining = this.#draining.filter(one => !one.done)
    return sumOf(await Promise.all(this.#draining.map(one => one.inFlight())))
  }

  /**
   * Resolves when every HAProxy that this keeper started has ended, and every one that it sent off is empty: its container
   * can go without cutting anybody off.
   */
  async drained(): Promise<void> {
    await Promise.all([...this.#children].map(one => one.exited))
    while (this.drainingPids.length > 0) await this.#options.clock.sleep(500)
  }

  /** Hands the running HAProxy over to another keeper: from now on its end is not our business. */
  release(): void {
    this.#stopped = true
  }

  /** Soft stop: requests in flight end, nothing new is taken. Resolves when all of this keeper's HAProxies have ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#current) process.kill(this.#current.pid, 'SIGUSR1')
    await Promise.all([...this.#children].map(one => one.exited))
  }

  #become(next: Haproxy | null): void {
    this.#current = next
    this.#replaced.abort()
    this.#replaced = new AbortController()
  }

  async #retire(before: Predecessor): Promise<void> {
    const { clock, log } = this.#options
    try {
      const draining = await Draining.begin(before, clock)
      this.#draining.push(draining)
      draining.untilEmpty().catch((error: unknown) => log(`edge: draining HAProxy ${before.pid}: ${String(error)}`))
    } catch (error) {
      if (error instanceof Unanswered) return this.#end(before)
      if (await isRunning(before, clock)) throw error
      log(`edge: HAProxy ${before.pid} ended before it could drain`)
    }
  }

  /** One that cannot be told of the newest would listen beside it when it wakes, with maps of the past: never again. */
  #end(silent: Predecessor): void {
    this.#options.log(`edge: HAProxy ${silent.pid} is silent and cannot drain; killing it`)
    process.kill(silent.pid, 'SIGKILL')
  }

  #ended(one: Haproxy, how: string): void {
    this.#children.delete(one)
    if (this.#current !== one) return
    this.#become(null)
    if (!this.#stopped) this.#options.onDeath(how)
  }
}
