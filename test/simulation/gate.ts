import { AppError } from '../../src/core/errors.ts'
import type { Clock } from '../../src/core/clock.ts'

/**
 * Where an instance dies: at its call number `call` (from 0), before or after the effect; or `under way`, when the call
 * has left but takes effect only when the next instance is at work already.
 */
export interface Crash {
  readonly call: number
  readonly when: 'before' | 'after' | 'under way'
}

/** When a call that was under way takes effect: the next instance has the lease, and not yet the right to delete (ms). */
const underWayMs = 14_000

/** What goes wrong with one call to the outside: refused before, or answer lost after its effect; late; done twice. */
export type Fault = 'refused' | 'lost' | 'late' | 'twice'

export interface Site {
  readonly call: number
  /** `engine.createService` */
  readonly name: string
  /** State of the run that moved last; what the table of crash sites is ordered by. */
  readonly stage: string
  /** Number among the calls to the outside; null for our own database and clock. */
  readonly outside: number | null
}

export interface GateOptions {
  readonly clock: Clock
  /** State of the run that moved last. */
  readonly stage: () => string
  /** By the number of the call; only calls to the outside count, for our own database and clock are not far away. */
  readonly faults?: ReadonlyMap<number, Fault>
  readonly lateMs?: () => number
  readonly onCrash?: (site: Site) => void
}

type Call = (...values: unknown[]) => unknown

/**
 * Everything one instance of the control plane says to the world goes through its gate. After the crash no call has an
 * effect and no promise settles any more, so that no code of the dead instance runs on, `finally` included.
 */
export class Gate {
  readonly sites: Site[] = []
  /** Calls to the outside, in order, for placing faults. */
  outside = 0
  isDead = false
  /** Where to die. May be set late: the calls of a history's beginning are no crash sites. */
  crash: Crash | null = null
  readonly #options: GateOptions
  readonly #faults: Map<number, Fault>

  constructor(options: GateOptions) {
    this.#options = options
    this.#faults = new Map(options.faults)
  }

  /**
   * The port as the instance sees it. `streams` are the methods that give an async iterable; `letThrough` is the same
   * port behind the keepers, who ask for the term only when a call comes to them: an engine may be slow afterwards.
   */
  port<T extends object>(
    name: string,
    real: T,
    kind: 'outside' | 'own' | 'uncounted',
    { streams = [], letThrough = real }: { readonly streams?: readonly string[]; readonly letThrough?: T } = {},
  ): T {
    return new Proxy(real, {
      get: (target, key) => {
        const method: unknown = Reflect.get(target, key)
        if (typeof method !== 'function' || typeof key !== 'string') return method
        const call: Call = (...values) => (method as Call).apply(target, values)
        const late: Call = (...values) => (Reflect.get(letThrough, key) as Call).apply(letThrough, values)
        if (streams.includes(key))
          return (...values: unknown[]) => this.#stream(call(...values) as AsyncIterable<unknown>)
        return (...values: unknown[]) =>
          this.#call(
            `${name}.${key}`,
            kind,
            () => call(...values),
            () => late(...values),
          )
      },
    })
  }

  /** The clock: reading it is free, waking up is not for the dead. */
  clock(): Clock {
    const { clock } = this.#options
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => this.#alive(clock.sleep(ms, signal)),
    }
  }

  /** One more fault, at a call to the outside that has not been made yet. */
  addFault(outside: number, fault: Fault): void {
    this.#faults.set(outside, fault)
  }

  kill(): void {
    this.isDead = true
  }

  async #call(
    name: string,
    kind: 'outside' | 'own' | 'uncounted',
    effect: () => unknown,
    lateEffect: () => unknown,
  ): Promise<unknown> {
    if (this.isDead) return forever()
    if (kind === 'uncounted') return this.#alive(Promise.resolve(effect()))
    const outside = kind === 'outside' ? this.outside++ : null
    const site = { call: this.sites.length, name, stage: this.#options.stage(), outside }
    this.sites.push(site)
    const crash = this.crash?.call === site.call ? this.crash.when : null
    if (crash === 'before') return this.#die(site)
    if (crash === 'under way') {
      void this.#options.clock.sleep(underWayMs).then(lateEffect).catch(ignore)
      return this.#die(site)
    }
    const fault = outside === null ? undefined : this.#faults.get(outside)
    const result = this.#faulty(fault, effect)
    if (crash !== 'after') return this.#alive(result)
    // The effect is the world's, whatever becomes of the one who asked for it.
    await result.catch(ignore)
    return this.#die(site)
  }

  async #faulty(fault: Fault | undefined, effect: () => unknown): Promise<unknown> {
    if (fault === 'refused') throw unavailable('refused')
    if (fault === 'late') await this.#options.clock.sleep(this.#options.lateMs?.() ?? 1_000)
    const result = await effect()
    if (fault === 'lost') throw unavailable('its answer was lost')
    return fault === 'twice' ? await effect() : result
  }

  #die(site: Site): Promise<never> {
    this.kill()
    this.#options.onCrash?.(site)
    return forever()
  }

  async *#stream(source: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    const iterator = source[Symbol.asyncIterator]()
    try {
      for (;;) {
        const item = await this.#alive(iterator.next())
        if (item.done) return
        yield item.value
      }
    } finally {
      if (!this.isDead) await iterator.return?.()
    }
  }

  #alive<T>(promise: Promise<T>): Promise<T> {
    const { promise: mine, resolve, reject } = Promise.withResolvers<T>()
    promise.then(
      value => (this.isDead ? undefined : resolve(value)),
      (error: unknown) => (this.isDead ? undefined : reject(error)),
    )
    return mine
  }
}

/** A late call may be refused for its term, and the one who asked is dead. */
function ignore(): void {}

function forever(): Promise<never> {
  return new Promise(() => undefined)
}

function unavailable(how: string): AppError {
  return new AppError('unavailable', `the simulation: ${how}`, { retryable: true })
}
