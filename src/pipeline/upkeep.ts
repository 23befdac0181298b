import { defaults } from '../core/defaults.ts'
import { asAppError, isPassing } from '../core/errors.ts'
import { releasesToKeep } from '../core/keep.ts'
import { environmentId } from '../core/labels.ts'
import type { AppName, EnvironmentKey } from '../core/names.ts'
import { isPastVerify, wentLive } from '../core/states.ts'
import { retry } from '../lib/async/retry.ts'
import { spaceNetwork } from '../rollout/spec.ts'
import { removeSpace, Sweeper, type Rows } from '../rollout/sweep.ts'
import type { Deps } from './deps.ts'

const sweepAgainMs = 1_000
const spaceAgainMs = 30_000

/** Removes from the cluster what the rows do not want there any more; all of it ends with `signal`, the lease. */
export class Upkeep {
  readonly #deps: Deps
  readonly #signal: AbortSignal
  readonly #sweeper: Sweeper

  constructor(deps: Deps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
    this.#sweeper = new Sweeper(deps, this.#rows())
  }

  /** What a lost answer leaves behind would stay until the next run: tried again for as long as the lease lasts. */
  async sweep(key: EnvironmentKey): Promise<void> {
    const [signal, { clock }] = [this.#signal, this.#deps]
    await retry(() => this.#sweeper.sweep(key, signal), { clock, everyMs: sweepAgainMs, signal, again: isPassing })
  }

  /** All that ran of an environment whose app is destroyed and that has no traffic any more. False: its network is still in use, and is all that is left. */
  async clear(key: EnvironmentKey): Promise<boolean> {
    await this.sweep(key)
    await this.#forgetLines(key)
    return removeSpace(spaceNetwork(key), this.#deps, this.#signal)
  }

  /**
   * The last of a destroyed app. Its row goes at the very end: until then the name is taken, so that no one moves into
   * a network that is about to go, and the next control plane finds what is left to do.
   */
  async forget(app: AppName, inUse: readonly EnvironmentKey[]): Promise<void> {
    const { store, repositories, clock, log } = this.#deps
    await repositories.remove(app, this.#signal)
    for (const key of inUse) {
      log('network left for later', { network: spaceNetwork(key), reason: 'the engine says that it is still in use' })
      do await clock.sleep(spaceAgainMs, this.#signal)
      while (!(await removeSpace(spaceNetwork(key), this.#deps, this.#signal)))
    }
    await store.removeApp(app)
  }

  /** A follower that is away holds up no destruction; who has this name next sees no line from before its time. */
  async #forgetLines(key: EnvironmentKey): Promise<void> {
    const { forgetLines, log } = this.#deps
    try {
      await forgetLines(key, this.#signal)
    } catch (error) {
      this.#signal.throwIfAborted()
      log('log lines not removed', { environment: environmentId(key), error: asAppError(error).message })
    }
  }

  #rows(): Rows {
    const { store } = this.#deps
    return {
      quiet: signal => this.#deps.quiet(signal),
      keep: async key =>
        (await isDestroyed(key, this.#deps)) ? new Set() : releasesToKeep(await store.standingRuns(key)),
      openRuns: async key => {
        const open = (await store.openRuns()).filter(run => environmentId(run) === environmentId(key))
        // Of a destroyed app no one asks again what a live run's release phase came to, and no later sweep comes.
        const isOver = await isDestroyed(key, this.#deps)
        return new Set(open.filter(run => !(isOver && wentLive(run.state))).map(run => run.id))
      },
      verifying: async key => {
        if (await isDestroyed(key, this.#deps)) return new Set()
        const open = (await store.openRuns()).filter(run => environmentId(run) === environmentId(key))
        return new Set(open.filter(({ state }) => !isPastVerify(state)).map(run => run.id))
      },
      limit: async (key, number) => {
        const settings = (await store.findRelease(key, number))?.image.settings ?? defaults.settings
        return { drainMs: settings.drainSeconds * 1000, stopMs: settings.stopSeconds * 1000 }
      },
    }
  }
}

export async function isDestroyed(key: EnvironmentKey, { store }: Pick<Deps, 'store'>): Promise<boolean> {
  const app = await store.findApp(key.app)
  return !app || app.destroyedAt !== null
}
