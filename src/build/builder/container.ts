import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import type { Limits } from '../../core/limits.ts'
import { Mutex } from '../../lib/async/mutex.ts'
import { builderName, builderSpec, buildLimits, specLabel, type CageOptions } from './cage.ts'
import type { EngineHttp } from './engine-http.ts'
import { execIn, type Exec, type ExecEnd } from './exec.ts'

export interface BuilderContainerOptions {
  readonly engine: EngineHttp
  readonly clock: Clock
  readonly cage: CageOptions
  /** Its own, and how long it stays without a build. Asked when the first build of several comes: they share it. */
  readonly limits: () => Limits
  /** Called when the container could not be stopped; no one waits for it. */
  readonly warn: (sentence: string, error: unknown) => void
}

const stopSeconds = 10
const inspected = z.object({
  State: z.object({ Running: z.boolean() }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullable() }),
})
type Inspected = z.infer<typeof inspected>

/** The one container that builds: made when first needed, stopped when idle, replaced when its spec changes. */
export class BuilderContainer {
  readonly #options: BuilderContainerOptions
  #limits: Limits
  /** Starts and stops, one after the other. */
  readonly #turns = new Mutex()
  #users = 0
  /** Builds that run in it were started by this process; others are orphans of one that is gone. */
  #ours = false
  #idle = new AbortController()

  constructor(options: BuilderContainerOptions) {
    this.#options = options
    this.#limits = options.limits()
  }

  get #spec(): Readonly<Record<string, unknown>> {
    return builderSpec(this.#options.cage, this.#limits)
  }

  /** Of each build that runs in it now. */
  get buildLimits() {
    return buildLimits(this.#limits)
  }

  /** Runs `work` while the container runs. Rejects `unavailable` (retryable) when it cannot be started. */
  async use<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    // A container of another spec is replaced, which would end the builds in it.
    if (this.#users === 0) this.#limits = this.#options.limits()
    this.#users++
    this.#idle.abort()
    try {
      await this.#turns.run(() => this.#ensure(signal))
      return await work()
    } finally {
      if (--this.#users === 0) this.#stopLater()
    }
  }

  exec(exec: Omit<Exec, 'container'>, signal: AbortSignal): Promise<ExecEnd> {
    return execIn(this.#options.engine, { ...exec, container: builderName }, signal)
  }

  /** Ends everything in it at once. No error when it does not run. */
  async kill(signal: AbortSignal): Promise<void> {
    await ifThere(this.#post('kill', {}, signal))
    await ifThere(this.#post('wait', { condition: 'not-running' }, signal))
  }

  /** Stops it and gives up the wait for idleness. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#idle.abort()
    await this.#turns.run(() => ifThere(this.#post('stop', { t: stopSeconds }, signal)))
  }

  async #ensure(signal: AbortSignal): Promise<void> {
    let found = await this.#inspect(signal)
    if (found && found.Config.Labels?.[specLabel] !== this.#wanted) {
      await this.#options.engine.json(
        { method: 'DELETE', path: `/containers/${builderName}`, query: { force: true } },
        signal,
      )
      found = null
    }
    if (found?.State.Running && !this.#ours) {
      await ifThere(this.#post('stop', { t: stopSeconds }, signal))
      found = await this.#inspect(signal)
    }
    if (!found) await this.#create(signal)
    if (!found?.State.Running) await this.#post('start', {}, signal)
    this.#ours = true
  }

  get #wanted(): string | undefined {
    return (this.#spec['Labels'] as Readonly<Record<string, string>>)[specLabel]
  }

  async #create(signal: AbortSignal): Promise<void> {
    try {
      const query = { name: builderName }
      await this.#options.engine.json({ method: 'POST', path: '/containers/create', query, body: this.#spec }, signal)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'not-found') throw error
      throw new AppError('unavailable', "the builder's image is not on this node", {
        hint: 'Run "lading up" again: it brings the platform\'s images.',
        cause: error,
      })
    }
  }

  async #inspect(signal: AbortSignal): Promise<Inspected | null> {
    try {
      const path = `/containers/${builderName}/json`
      return inspected.parse(await this.#options.engine.json({ method: 'GET', path }, signal))
    } catch (error) {
      if (error instanceof AppError && error.code === 'not-found') return null
      throw error
    }
  }

  #post(verb: string, query: Readonly<Record<string, string | number>>, signal: AbortSignal): Promise<unknown> {
    return this.#options.engine.json({ method: 'POST', path: `/containers/${builderName}/${verb}`, query }, signal)
  }

  #stopLater(): void {
    const { clock, limits, warn } = this.#options
    this.#idle = new AbortController()
    const { signal } = this.#idle
    const stopping = clock.sleep(limits().builderIdleSeconds * 1000, signal).then(() =>
      this.#turns.run(async () => {
        // Once begun it is not given up: who comes meanwhile waits for its turn and starts it again.
        if (this.#users === 0) await ifThere(this.#post('stop', { t: stopSeconds }, new AbortController().signal))
      }),
    )
    stopping.catch((error: unknown) => {
      if (!signal.aborted) warn('the idle builder could not be stopped', error)
    })
  }
}

/** A container that is gone, or does not run, is what was asked for. */
async function ifThere(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof AppError) || (error.code !== 'not-found' && error.code !== 'conflict')) throw error
  }
}
