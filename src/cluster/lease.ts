import type { Clock } from '../core/clock.ts'
import { AppError, asAppError, isPassing } from '../core/errors.ts'
import { label, type Labels } from '../core/labels.ts'
import type { ConfigView, Engine } from '../docker/engine.ts'
import { retry } from '../lib/async/retry.ts'

/**
 * The number that every changing call carries (law: one-control-plane-writes): adapters read it at each call, the lease
 * writes it.
 */
export interface Term {
  current: number
}

export interface LeaseOptions {
  readonly engine: Pick<Engine, 'createConfig' | 'listConfigs' | 'swapConfigLabels'>
  readonly clock: Clock
  readonly term: Term
  /** Names this very process: host name and something random. */
  readonly holder: string
  /** Milliseconds without a renewal after which another may take it. */
  readonly leaseMs: number
  /**
   * The highest term that the keepers remember; absent: 0. It is above all versions of the config when the swarm was made
   * again, or when someone has called a keeper with a term out of thin air.
   */
  readonly floor?: (signal: AbortSignal) => Promise<number>
  /**
   * True when this holder's process is known to have ended (its engine says so): then its lease need not be waited out.
   * "Not to be found" is no such knowledge. Absent: never known. A rejection counts as "not known".
   */
  readonly hasEnded?: (holder: string, signal: AbortSignal) => Promise<boolean>
  /** The longest that one call of the holder before may still be under way after its lease (ms). */
  readonly longestCallMs?: number
  /** Called when the lease is acquired, lost or a renewal fails. */
  readonly say?: (line: string) => void
}

export interface Lease {
  readonly term: number
  /** Aborted with `lease-lost` while there still is some of the lease left, or by `release`. */
  readonly signal: AbortSignal
  /**
   * Resolves when nothing of an earlier holder can be under way any more: at once after a clean release, else one
   * lease and the longest call after the acquisition. Awaited before the first delete.
   */
  quiet(signal: AbortSignal): Promise<void>
  /**
   * Stops renewing and lets the next holder in at once. To be called when all of the holder's work has ended. Never
   * rejects and takes a quarter of a lease at most: when it cannot be told, the next holder waits the lease out.
   */
  release(): Promise<void>
}

const configName = 'lading-lease'
const holderLabel = 'lading.lease.holder'
/** What is added to the config's version to give the term; absent: nothing. It never falls. */
const baseLabel = 'lading.lease.base'
const labels: Labels = { [label.role]: 'platform' }

/**
 * Waits for the lease and takes it: labels on a Swarm config, changed by compare-and-swap on its version, which only a
 * majority of managers can do (docs/design/lease.md). No one compares wall clocks: a candidate takes the lease when it
 * has seen the same version for one whole lease on its own monotonic clock, or when the holder's process is known to have
 * ended. Rejects with the signal's reason.
 */
export async function acquireLease(options: LeaseOptions, signal: AbortSignal): Promise<Lease> {
  for (;;) {
    // For the config itself, which is made where the swarm is new.
    options.term.current = await floorOf(options, signal)
    const free = await waitUntilFree(options, signal)
    const acquired = await take(free, options, signal)
    if (acquired === null) continue
    options.say?.(`lease: held by ${options.holder}, term ${acquired.term}`)
    return new HeldLease(options, acquired)
  }
}

interface Free {
  readonly config: ConfigView
  readonly releasedCleanly: boolean
}

interface Acquired extends Free {
  readonly term: number
  /** Monotonic time before the swap was sent: the lease counts from there. */
  readonly since: number
}

async function waitUntilFree(options: LeaseOptions, signal: AbortSignal): Promise<Free> {
  const { clock, leaseMs } = options
  let version = -1
  let seenAt = clock.monotonic()
  for (;;) {
    const config = await retrying(() => readLease(options, signal), options, signal)
    const holder = config.labels[holderLabel]
    if (!holder) return { config, releasedCleanly: true }
    if (await hasEnded(holder, options, signal)) return { config, releasedCleanly: false }
    if (config.version !== version) {
      version = config.version
      seenAt = clock.monotonic()
    } else if (clock.monotonic() - seenAt >= leaseMs) {
      return { config, releasedCleanly: false }
    }
    await clock.sleep(leaseMs / 10, signal)
  }
}

async function hasEnded(holder: string, { hasEnded }: LeaseOptions, signal: AbortSignal): Promise<boolean> {
  try {
    return (await hasEnded?.(holder, signal)) ?? false
  } catch (error) {
    if (!(error instanceof AppError) || signal.aborted) throw error
    return false
  }
}

/** Null when another was faster. */
async function take(free: Free, options: LeaseOptions, signal: AbortSignal): Promise<Acquired | null> {
  const { clock, term, engine, holder } = options
  const { id, version } = free.config
  const base = Math.max(baseOf(free.config), (await floorOf(options, signal)) - version)
  const since = clock.monotonic()
  // Any term is such a sum of this config or its floor, so that this one is not lower than any.
  term.current = base + version
  try {
    await engine.swapConfigLabels(id, version, labelsOf(holder, base), signal)
  } catch (error) {
    // The answer may be lost though the swap was done: the holder in the labels tells.
    if (!(error instanceof AppError)) throw error
    if (isRefusal(error)) return null
  }
  const config = await retrying(() => readLease(options, signal), options, signal)
  if (config.labels[holderLabel] !== holder) return null
  term.current = baseOf(config) + config.version
  return { ...free, config, term: term.current, since }
}

function floorOf(options: LeaseOptions, signal: AbortSignal): Promise<number> {
  return retrying(async () => (await options.floor?.(signal)) ?? 0, options, signal)
}

function baseOf({ labels: now }: ConfigView): number {
  return Number(now[baseLabel] ?? 0)
}

function labelsOf(holder: string, base: number): Labels {
  return { ...labels, [holderLabel]: holder, ...(base > 0 && { [baseLabel]: String(base) }) }
}

async function readLease({ engine }: LeaseOptions, signal: AbortSignal): Promise<ConfigView> {
  const find = async () => (await engine.listConfigs(labels, signal)).find(config => config.name === configName)
  const found = await find()
  if (found !== undefined) return found
  await engine.createConfig(configName, labels, new TextEncoder().encode('1'), signal)
  const made = await find()
  if (made === undefined) throw new AppError('unavailable', 'the lease cannot be read', { retryable: true })
  return made
}

class HeldLease implements Lease {
  readonly term: number
  readonly #options: LeaseOptions
  readonly #ended = new AbortController()
  readonly #acquired: Acquired
  readonly #renewing: Promise<void>
  #renewedAt: number

  constructor(options: LeaseOptions, acquired: Acquired) {
    this.term = acquired.term
    this.#options = options
    this.#acquired = acquired
    this.#renewedAt = acquired.since
    this.#renewing = this.#keep()
  }

  get signal(): AbortSignal {
    return this.#ended.signal
  }

  async quiet(signal: AbortSignal): Promise<void> {
    if (this.#acquired.releasedCleanly) return
    const { clock, leaseMs, longestCallMs = leaseMs } = this.#options
    const until = this.#acquired.since + leaseMs + longestCallMs
    await clock.sleep(Math.max(0, until - clock.monotonic()), AbortSignal.any([signal, this.signal]))
  }

  async release(): Promise<void> {
    const lost = this.signal.aborted
    this.#ended.abort(new AppError('lease-lost', 'the lease was given back'))
    await this.#renewing
    if (lost) return
    const { clock, leaseMs, say } = this.#options
    const limit = new AbortController()
    const answered = new AbortController()
    const timer = clock.sleep(leaseMs / 4, answered.signal).then(
      () => limit.abort(new AppError('unavailable', 'no answer in time')),
      () => undefined,
    )
    try {
      await this.#swap('', limit.signal)
    } catch (error) {
      say?.(`lease: not given back, ${asAppError(error).message}`)
    } finally {
      answered.abort()
      await timer
    }
  }

  async #keep(): Promise<void> {
    const { clock, leaseMs, say } = this.#options
    const guard = this.#guard()
    let failing = false
    while (!this.signal.aborted) {
      try {
        // A keeper that starts again is away for two seconds on a busy machine: not to be missed by as much once more.
        await clock.sleep(failing ? leaseMs / 40 : leaseMs / 4, this.signal)
        await this.#renew()
        failing = false
      } catch (error) {
        if (this.signal.aborted) break
        if (!(error instanceof AppError)) throw error
        if (isRefusal(error)) this.#lose(error.message)
        else if (!failing) say?.(`lease: not renewed, ${error.message}`)
        failing = true
      }
    }
    await guard
  }

  async #renew(): Promise<void> {
    const since = this.#options.clock.monotonic()
    await this.#swap(this.#options.holder, this.signal)
    this.#renewedAt = since
  }

  /** Reads first: an earlier swap whose answer was lost may have moved the version, and the lease still be ours. */
  async #swap(next: string, signal: AbortSignal): Promise<void> {
    const config = await readLease(this.#options, signal)
    const holder = config.labels[holderLabel]
    if (holder !== this.#options.holder) throw new AppError('conflict', `it is held by ${holder || 'nobody'}`)
    await this.#options.engine.swapConfigLabels(config.id, config.version, labelsOf(next, baseOf(config)), signal)
  }

  /** Ends the lease when three quarters of it are over without a renewal: before any other clock can call it over. */
  async #guard(): Promise<void> {
    const { clock, leaseMs } = this.#options
    const rest = () => this.#renewedAt + leaseMs * 0.75 - clock.monotonic()
    try {
      while (rest() > 0) await clock.sleep(rest(), this.signal)
      this.#lose('it could not be renewed in time')
    } catch (error) {
      if (!this.signal.aborted) throw error
    }
  }

  #lose(why: string): void {
    if (this.signal.aborted) return
    this.#options.say?.(`lease: lost, ${why}`)
    this.#ended.abort(new AppError('lease-lost', `the lease is lost: ${why}`))
  }
}

/** Someone else has moved it: `conflict` by version, `lease-lost` by term. */
function isRefusal(error: AppError): boolean {
  return error.code === 'conflict' || error.code === 'lease-lost'
}

async function retrying<T>(call: () => Promise<T>, { clock, leaseMs, say }: LeaseOptions, signal: AbortSignal) {
  const again = (error: unknown) => {
    if (!isPassing(error) || signal.aborted) return false
    say?.(`lease: ${error.message}`)
    return true
  }
  return retry(call, { clock, everyMs: leaseMs / 10, signal, again })
}
