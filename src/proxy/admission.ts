import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { Mutex } from '../lib/async/mutex.ts'
import { commandsFor } from './haproxy/commands.ts'
import { Unanswered, type Runtime, type SlotState } from './haproxy/runtime.ts'
import { HeldSlots, releaseId, type Running } from './held-slots.ts'
import { fullPollMs, isServing, HealthChecks } from './health-checks.ts'
import { sameRelease } from '../edge/edges.ts'
import type { EdgeModel } from './model.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import { nextRested, planLane, restedSlots, occupantOf, type Slot } from './slots.ts'

export interface AdmissionOptions {
  readonly clock: Clock
  readonly exclusive: Mutex
  readonly model: () => EdgeModel
  readonly runtime: () => Runtime
  readonly log: (line: string) => void
  /** Something that a view shows has changed. */
  readonly changed: () => void
  readonly faults?: AdmissionFaults
}

/** What a test puts in the place of the real thing, to see itself red (test/e2e/faulty-keeper/faults.ts). */
export interface AdmissionFaults {
  readonly plan?: typeof planLane
  readonly change?: (runtime: Runtime, commands: readonly string[]) => Promise<void>
  /** How soon a free lane with these slots can prove a process: the higher, the sooner. */
  readonly worth?: (slots: readonly Slot[]) => number
}

export interface Proof {
  readonly proof: 'none' | 'checking' | 'proven' | 'down'
  readonly lastCheck: string | null
}

/**
 * Puts processes into slots as reported by their engine and takes them out again (decision: keeper-admits, decision:
 * lanes-and-maps). One loop: it makes the difference between what runs and what HAProxy holds smaller, then looks at
 * the checks (health-checks.ts).
 *
 * No simulation covers it: its rules are the pure `planLane` (slots.test.ts), it itself is tested on real engines, with three
 * planted faults that must be found (test/e2e/wrong-app.e2e.ts).
 */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #wakeup: Wakeup
  readonly #held: HeldSlots
  readonly #healthChecks: HealthChecks
  /** Something may differ between what runs and what HAProxy holds. */
  #dirty = true
  /** When the next slot that someone waits for has rested. */
  #restedAt = Infinity

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#wakeup = new Wakeup(options.clock)
    this.#held = new HeldSlots(options.model)
    this.#healthChecks = new HealthChecks(options, this.#held)
  }

  /** The engine says that this process runs and has this address; its release's lane takes it in. */
  put(process: Running): void {
    this.#held.running.set(process.container, process)
    this.#dirty = true
    this.#wakeup.wake()
  }

  /** The engine says that it has ended. */
  remove(container: string): void {
    this.#healthChecks.forget(container)
    if (!this.#held.running.delete(container)) return
    this.#dirty = true
    this.#wakeup.wake()
  }

  /** Something changed outside: a lane was allocated, a slot went down. */
  ring(): void {
    this.#dirty = true
    this.#healthChecks.ring()
    this.#wakeup.wake()
  }

  proofOf(container: string): Proof {
    const process = this.#held.running.get(container)
    const lane = process && this.#options.model().lanes.find(one => sameRelease(one.spec, process))
    if (!lane) return { proof: 'none', lastCheck: null }
    const slot = this.#held.of(lane).find(one => occupantOf(one)?.container === container)
    const lastCheck = this.#healthChecks.lastCheck(container)
    switch (slot?.kind) {
      case 'admitted':
        return { proof: slot.proven ? 'proven' : 'checking', lastCheck: null }
      case 'leaving':
        return { proof: 'proven', lastCheck: null }
      case 'down':
      case 'open':
        return { proof: 'down', lastCheck }
      case 'checking':
      case 'resting':
      case 'armed':
      case undefined:
        return { proof: 'checking', lastCheck }
    }
  }

  /** Container in `backend/slot` now; null when it is empty. */
  occupantOf(name: string): string | null {
    const [backend = '', slot = ''] = name.split('/')
    const held = this.#held.get(backend)?.[Number(slot.slice(1)) - 1]
    return (held && occupantOf(held)?.container) ?? null
  }

  /** All of them: `backend/slot` → container. */
  occupants(): Readonly<Record<string, string>> {
    const found: Record<string, string> = {}
    for (const lane of this.#options.model().lanes)
      for (const [at, slot] of this.#held.of(lane).entries()) {
        const occupant = occupantOf(slot)
        if (occupant !== null) found[`${lane.backend}/s${at + 1}`] = occupant.container
      }
    return found
  }

  /** Addresses that take traffic, for a configuration: backend → slot number → address. */
  admitted(): ReadonlyMap<string, ReadonlyMap<number, string>> {
    return new Map(
      this.#options
        .model()
        .lanes.map(lane => [
          lane.backend,
          new Map(
            this.#held
              .of(lane)
              .flatMap((slot, at): [number, string][] =>
                takesTraffic(slot) && this.#held.vouches(slot.occupant) ? [[at + 1, slot.occupant.address]] : [],
              ),
          ),
        ]),
    )
  }

  /**
   * Before the first HAProxy of this keeper starts: processes of serving lanes are up at once, and so is everything
   * that the HAProxy before it holds as up, if its engine vouches for that very address. All other slots start empty.
   */
  adopt(before: readonly SlotState[]): void {
    const model = this.#options.model()
    for (const lane of model.lanes) {
      const slots = [...this.#held.of(lane)]
      const serves = model.routes.some(route => sameRelease(route, lane.spec))
      const mine = [...this.#held.running.values()].filter(one => sameRelease(one, lane.spec) && !one.stopping)
      for (const occupant of mine) {
        const was = before.find(
          one => one.backend === lane.backend && one.address === occupant.address && isServing(one),
        )
        const at = was ? Number(was.slot.slice(1)) - 1 : serves ? slots.findIndex(one => one.kind === 'resting') : -1
        if (at >= 0) slots[at] = { kind: 'admitted', occupant, proven: was !== undefined }
      }
      this.#held.set(lane.backend, slots)
    }
  }

  /** A new HAProxy runs: what was in its configuration is up, every other slot is fresh. */
  restarted(): void {
    for (const lane of this.#options.model().lanes) {
      const kept = this.#held
        .of(lane)
        .map((slot): Slot => (slot.kind === 'admitted' ? slot : { kind: 'resting', since: -Infinity }))
      this.#held.set(lane.backend, kept)
    }
    for (const { backend } of this.#held.spare()) this.#held.forget(backend)
    this.ring()
  }

  /** No slot of a allocated lane waits for its first check: a good moment to reload. */
  get quiet(): boolean {
    return !this.#options.model().lanes.some(lane => this.#held.of(lane).some(slot => slot.kind === 'checking'))
  }

  /** The free lane that can prove a process soonest: armed, else rested longest. */
  choose(free: readonly string[]): string | undefined {
    const { worth: worthOf = worthOfSlots } = this.#options.faults ?? {}
    const worth = (backend: string) => worthOf(this.#held.get(backend) ?? [])
    return free.toSorted((one, other) => (worth(one) === worth(other) ? 0 : worth(other) - worth(one)))[0]
  }

  /** Every slot of a lane to rest, its release being released. Called within the exclusive section. */
  async empty(backend: string): Promise<void> {
    const now = this.#options.clock.monotonic()
    const slots = this.#held.get(backend) ?? []
    const taken = slots.flatMap((slot, at) => (slot.kind === 'resting' ? [] : [at]))
    await this.#options.runtime().change(taken.flatMap(slot => commandsFor(backend, { kind: 'rest', slot })))
    this.#held.set(
      backend,
      slots.map((slot): Slot => (slot.kind === 'resting' ? slot : { kind: 'resting', since: now })),
    )
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#options.exclusive.run(() => this.#tick())
        await this.#wakeup.wait(this.#pause(), signal)
      } catch (error) {
        const isAway = error instanceof AppError && error.code === 'unavailable'
        const isRestart = isAway && !(error instanceof Unanswered)
        if (!isRestart) this.#options.log(`admission: ${error instanceof Error ? error.message : String(error)}`)
        await this.#wakeup.wait(isRestart ? 50 : 500, signal)
      }
    }
  }

  async #tick(): Promise<void> {
    // While a check is awaited the loop runs a hundred times a second, and mostly nothing else has changed.
    if (this.#dirty || this.#options.clock.monotonic() >= this.#restedAt) await this.converge()
    await this.#healthChecks.look()
  }

  /** Brings HAProxy's slots to what runs. Called within the exclusive section. */
  async converge(): Promise<void> {
    const now = this.#options.clock.monotonic()
    this.#dirty = false
    try {
      const byRelease = Map.groupBy(this.#held.running.values(), releaseId)
      for (const lane of this.#options.model().lanes) {
        const running = byRelease.get(releaseId(lane.spec)) ?? []
        const stopping = new Set(running.filter(one => one.stopping).map(one => one.container))
        await this.#apply(lane.backend, {
          slots: this.#held.of(lane),
          running,
          stopping,
          wanted: lane.spec.processes,
          now,
        })
      }
      const spare = { running: [], stopping: new Set<string>(), now }
      for (const { backend, slots, ready } of this.#held.spare()) {
        const wanted = ready ? Math.min(slots / 2, 4) : 0
        await this.#apply(backend, { ...spare, slots: this.#held.get(backend) ?? restedSlots(slots), wanted })
      }
    } catch (error) {
      this.#dirty = true
      throw error
    }
    this.#restedAt = now + this.#untilRested(now)
  }

  /** Milliseconds until a slot has rested that a lane is short of. */
  #untilRested(now: number): number {
    const waits = this.#options.model().lanes.flatMap(lane => {
      const slots = this.#held.of(lane)
      const taken = slots.filter(slot => slot.kind !== 'resting').length
      return taken < lane.spec.processes ? [nextRested(slots, now) ?? Infinity] : []
    })
    return Math.min(Infinity, ...waits)
  }

  async #apply(backend: string, view: Parameters<typeof planLane>[0]): Promise<void> {
    const { plan = planLane, change = changeAtOnce } = this.#options.faults ?? {}
    const { slots, steps } = plan(view)
    if (steps.length === 0) return void this.#held.set(backend, slots)
    const commands = steps.flatMap(step => commandsFor(backend, step))
    await change(this.#options.runtime(), commands)
    this.#held.set(backend, slots)
    this.#options.changed()
  }

  /** How long the loop may sleep (ms): proof is worth a look every 10 ms, a process that boots for a minute is not. */
  #pause(): number {
    const now = this.#options.clock.monotonic()
    const waits = this.#options.model().lanes.flatMap(lane =>
      this.#held.of(lane).flatMap(slot => {
        if (slot.kind === 'checking') return [now - slot.since < 3000 ? 10 : 100]
        return slot.kind === 'down' ? [50] : []
      }),
    )
    return Math.max(1, Math.min(fullPollMs, this.#restedAt - now, ...waits))
  }
}

function changeAtOnce(runtime: Runtime, commands: readonly string[]): Promise<void> {
  return runtime.change(commands)
}

function worthOfSlots(slots: readonly Slot[]): number {
  // A lane that was never used has rested for ever, and is still second to an armed one.
  return slots.some(slot => slot.kind === 'armed') ? Infinity : Math.min(-usedAt(slots), Number.MAX_SAFE_INTEGER)
}

/** When a lane with these slots was used last (ms, monotonic); never: -Infinity. */
export function usedAt(slots: readonly Slot[]): number {
  return Math.max(-Infinity, ...slots.map(slot => (slot.kind === 'resting' ? slot.since : -Infinity)))
}

function takesTraffic(slot: Slot): slot is Extract<Slot, { kind: 'admitted' | 'open' }> {
  return slot.kind === 'admitted' || slot.kind === 'open'
}
