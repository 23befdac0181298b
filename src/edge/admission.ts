import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { ReleaseKey } from './edges.ts'
import type { Exclusive } from './exclusive.ts'
import { admitCommands, checkAgainCommands, commandsFor, failOpenCommands } from './haproxy/commands.ts'
import { allBackends } from './haproxy/pools.ts'
import { probe } from './haproxy/probe.ts'
import type { Runtime, SlotState } from './haproxy/runtime.ts'
import { sameRelease, type EdgeModel, type Lane } from './model.ts'
import { Pulse } from './pulse.ts'
import { nextRested, planLane, restedSlots, tenantOf, type Slot, type Tenant } from './slots.ts'

export interface AdmissionOptions {
  readonly clock: Clock
  readonly exclusive: Exclusive
  readonly model: () => EdgeModel
  readonly runtime: () => Runtime
  readonly log: (line: string) => void
  /** Something that a view shows has changed. */
  readonly changed: () => void
  readonly switches: TestSwitches
}

/** Planted faults: the wrong-app test must find each of them (test/e2e/wrong-app.e2e.ts). Never set in production. */
export interface TestSwitches {
  /** Slots are used again at once, and one passed check of whomever is proof. */
  readonly unrested?: boolean
  /** `ready; health down` without `weight 0`. */
  readonly fullWeight?: boolean
}

export interface Running extends ReleaseKey, Tenant {
  /** It was told to stop: SIGTERM has been sent. */
  readonly stopping: boolean
}

export interface Proof {
  readonly proof: 'none' | 'checking' | 'proven' | 'down'
  readonly lastCheck: string | null
}

/** `rise` of the configuration: a slot that is up counts from there, and one check later it is above. */
const rise = 1_000_000_000
const fullPollMs = 2000
const probeMs = 2000

/**
 * Puts processes into slots on the word of their engine, gives proof, takes them out again (D3c, D4). One loop: it
 * makes the difference between what runs and what HAProxy holds smaller, then looks at the checks.
 */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #pulse: Pulse
  readonly #running = new Map<string, Running>()
  readonly #slots = new Map<string, readonly Slot[]>()
  readonly #lastChecks = new Map<string, string>()
  /** Something may differ between what runs and what HAProxy holds. */
  #dirty = true
  #fullPollAt = -Infinity
  #checksReadAt = -Infinity
  #probedAt = -Infinity
  /** When the next slot that somebody waits for has rested. */
  #restedAt = Infinity

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#pulse = new Pulse(options.clock)
  }

  /** The engine says that this process runs and has this address; its release's lane takes it in. */
  put(process: Running): void {
    this.#running.set(process.container, process)
    this.#dirty = true
    this.#pulse.ring()
  }

  /** The engine says that it has ended. */
  remove(container: string): void {
    this.#lastChecks.delete(container)
    if (!this.#running.delete(container)) return
    this.#dirty = true
    this.#pulse.ring()
  }

  /** Something changed outside: a lane was leased, a slot went down. */
  ring(): void {
    this.#dirty = true
    this.#fullPollAt = -Infinity
    this.#pulse.ring()
  }

  proofOf(container: string): Proof {
    const process = this.#running.get(container)
    const lane = process && this.#options.model().lanes.find(one => sameRelease(one.spec, process))
    if (!lane) return { proof: 'none', lastCheck: null }
    const slot = this.#of(lane).find(one => tenantOf(one)?.container === container)
    const lastCheck = this.#lastChecks.get(container) ?? null
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
  tenantOf(name: string): string | null {
    const [backend = '', slot = ''] = name.split('/')
    const held = this.#slots.get(backend)?.[Number(slot.slice(1)) - 1]
    return (held && tenantOf(held)?.container) ?? null
  }

  /** Addresses that take traffic, for a configuration: backend → slot number → address. */
  admitted(): ReadonlyMap<string, ReadonlyMap<number, string>> {
    return new Map(
      this.#options
        .model()
        .lanes.map(lane => [
          lane.backend,
          new Map(
            this.#of(lane).flatMap((slot, at): [number, string][] =>
              takesTraffic(slot) && this.#vouched(slot.tenant) ? [[at + 1, slot.tenant.address]] : [],
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
      const slots = [...this.#of(lane)]
      const serves = model.routes.some(route => sameRelease(route, lane.spec))
      const mine = [...this.#running.values()].filter(one => sameRelease(one, lane.spec) && !one.stopping)
      for (const tenant of mine) {
        const was = before.find(one => one.backend === lane.backend && one.address === tenant.address && isServing(one))
        const at = was ? Number(was.slot.slice(1)) - 1 : serves ? slots.findIndex(one => one.kind === 'resting') : -1
        if (at >= 0) slots[at] = { kind: 'admitted', tenant, proven: was !== undefined }
      }
      this.#slots.set(lane.backend, slots)
    }
  }

  /** A new HAProxy runs: what was in its configuration is up, every other slot is fresh. */
  restarted(): void {
    for (const lane of this.#options.model().lanes) {
      const kept = this.#of(lane).map((slot): Slot =>
        slot.kind === 'admitted' ? slot : { kind: 'resting', since: -Infinity },
      )
      this.#slots.set(lane.backend, kept)
    }
    for (const { backend } of this.#spare()) this.#slots.delete(backend)
    this.ring()
  }

  /** No slot of a leased lane waits for its first check: a good moment to reload. */
  get quiet(): boolean {
    return !this.#options.model().lanes.some(lane => this.#of(lane).some(slot => slot.kind === 'checking'))
  }

  /** The free lane that can prove a process soonest: armed, else rested longest. */
  choose(free: readonly string[]): string | undefined {
    const { unrested } = this.#options.switches
    const worth = (backend: string) => {
      const slots = this.#slots.get(backend) ?? []
      const used = Math.max(-Infinity, ...slots.map(slot => (slot.kind === 'resting' ? slot.since : -Infinity)))
      if (unrested) return used
      // A lane that was never used has rested for ever, and is still second to an armed one.
      return slots.some(slot => slot.kind === 'armed') ? Infinity : Math.min(-used, Number.MAX_SAFE_INTEGER)
    }
    return free.toSorted((one, other) => (worth(one) === worth(other) ? 0 : worth(other) - worth(one)))[0]
  }

  /** Every slot of a lane to rest, its release being given back. Called within the exclusive section. */
  async empty(backend: string): Promise<void> {
    const now = this.#options.clock.monotonic()
    const slots = this.#slots.get(backend) ?? []
    const taken = slots.flatMap((slot, at) => (slot.kind === 'resting' ? [] : [at]))
    await this.#options.runtime().change(taken.flatMap(slot => commandsFor(backend, { kind: 'rest', slot })))
    this.#slots.set(
      backend,
      slots.map((slot): Slot => (slot.kind === 'resting' ? slot : { kind: 'resting', since: now })),
    )
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#options.exclusive.run(() => this.#tick())
        await this.#pulse.wait(this.#pause(), signal)
      } catch (error) {
        const isRestart = error instanceof AppError && error.code === 'unavailable'
        if (!isRestart) this.#options.log(`admission: ${error instanceof Error ? error.message : String(error)}`)
        await this.#pulse.wait(isRestart ? 50 : 500, signal)
      }
    }
  }

  async #tick(): Promise<void> {
    // While a check is awaited the loop runs a hundred times a second, and mostly nothing else has changed.
    if (this.#dirty || this.#options.clock.monotonic() >= this.#restedAt) await this.converge()
    await this.#look()
  }

  /** Brings HAProxy's slots to what runs. Called within the exclusive section. */
  async converge(): Promise<void> {
    const now = this.#options.clock.monotonic()
    this.#dirty = false
    try {
      const byRelease = Map.groupBy(this.#running.values(), releaseId)
      for (const lane of this.#options.model().lanes) {
        const running = byRelease.get(releaseId(lane.spec)) ?? []
        const stopping = new Set(running.filter(one => one.stopping).map(one => one.container))
        await this.#apply(lane.backend, { slots: this.#of(lane), running, stopping, wanted: lane.spec.processes, now })
      }
      const spare = { running: [], stopping: new Set<string>(), now }
      for (const { backend, slots, ready } of this.#spare()) {
        const wanted = ready ? Math.min(slots / 2, 4) : 0
        await this.#apply(backend, { ...spare, slots: this.#slots.get(backend) ?? restedSlots(slots), wanted })
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
      const slots = this.#of(lane)
      const taken = slots.filter(slot => slot.kind !== 'resting').length
      return taken < lane.spec.processes ? [nextRested(slots, now) ?? Infinity] : []
    })
    return Math.min(Infinity, ...waits)
  }

  async #apply(backend: string, view: Parameters<typeof planLane>[0]): Promise<void> {
    const { slots, steps } = planLane(this.#options.switches.unrested ? { ...view, now: Infinity } : view)
    if (steps.length === 0) return void this.#slots.set(backend, slots)
    const commands = steps.flatMap(step => commandsFor(backend, step))
    const { fullWeight } = this.#options.switches
    await this.#options.runtime().change(fullWeight ? commands.filter(one => !one.endsWith('weight 0')) : commands)
    this.#slots.set(backend, slots)
    this.#options.changed()
  }

  /** Looks at the checks: admits, takes down, brings back, fails open. */
  async #look(): Promise<void> {
    const now = this.#options.clock.monotonic()
    const full = now - this.#fullPollAt >= fullPollMs
    if (full) this.#fullPollAt = now
    const lanes = this.#options.model().lanes.filter(lane => full || this.#of(lane).some(isWaiting))
    const states = await this.#options.runtime().slots(lanes.map(lane => lane.backend))
    for (const lane of lanes) {
      const seen = states.filter(one => one.backend === lane.backend)
      await this.#judge(lane, seen)
      await this.#failOpen(lane)
    }
    await this.#readChecks(lanes, now)
    await this.#probeOpen(now)
  }

  async #judge(lane: Lane, seen: readonly SlotState[]): Promise<void> {
    const slots = [...this.#of(lane)]
    for (const [at, slot] of slots.entries()) {
      const state = seen.find(one => one.slot === `s${at + 1}`)
      const tenant = tenantOf(slot)
      if (!state || !tenant || !this.#vouched(tenant)) continue
      if (slot.kind === 'checking' || slot.kind === 'down') {
        if (state.address === tenant.address && state.passed >= 1 && (await this.#admit(lane, at))) {
          slots[at] = { kind: 'admitted', tenant, proven: true }
        }
      } else if (slot.kind === 'admitted') {
        if (!state.up) slots[at] = { kind: 'down', tenant, since: this.#options.clock.monotonic() }
        else if (!slot.proven && state.passed > rise) slots[at] = { kind: 'admitted', tenant, proven: true }
      }
    }
    if (slots.every((slot, at) => slot === this.#of(lane)[at])) return
    this.#slots.set(lane.backend, slots)
    this.#options.changed()
  }

  /** Up, full weight, read back. */
  async #admit(lane: Lane, at: number): Promise<boolean> {
    const runtime = this.#options.runtime()
    await runtime.change(admitCommands(lane.backend, at))
    const state = (await runtime.slots([lane.backend])).find(one => one.slot === `s${at + 1}`)
    return state !== undefined && isServing(state)
  }

  /** D3(c): when every process of a serving lane fails its HTTP check, the checks are wrong more often than all are. */
  async #failOpen(lane: Lane): Promise<void> {
    const slots = this.#of(lane)
    const tenants = slots.filter(slot => tenantOf(slot) !== null && slot.kind !== 'checking')
    const serves = this.#options.model().routes.some(route => sameRelease(route, lane.spec))
    if (lane.spec.healthPath === null || !serves || tenants.length === 0) return
    if (!tenants.every(slot => slot.kind === 'down')) return
    const runtime = this.#options.runtime()
    const words = await runtime.lastChecks(lane.backend)
    const byHttp = slots.every((slot, at) => slot.kind !== 'down' || isHttpFailure(words.get(`s${at + 1}`)))
    if (!byHttp) return
    await runtime.change(slots.flatMap((slot, at) => (slot.kind === 'down' ? failOpenCommands(lane.backend, at) : [])))
    this.#slots.set(
      lane.backend,
      slots.map((slot): Slot => (slot.kind === 'down' ? { kind: 'open', tenant: slot.tenant } : slot)),
    )
    const { spec } = lane
    this.#options.log(
      `edge: all processes of ${environmentId(spec)} v${spec.release} fail ${spec.healthPath}; they are served all the same`,
    )
    this.#options.changed()
  }

  async #probeOpen(now: number): Promise<void> {
    if (now - this.#probedAt < probeMs) return
    this.#probedAt = now
    for (const lane of this.#options.model().lanes) {
      const slots = [...this.#of(lane)]
      for (const [at, slot] of slots.entries()) {
        if (slot.kind !== 'open') continue
        if (!(await probe(lane.spec.protocol, slot.tenant.address, lane.spec.healthPath ?? '/'))) continue
        await this.#options.runtime().change(checkAgainCommands(lane.backend, at))
        slots[at] = { kind: 'admitted', tenant: slot.tenant, proven: true }
        this.#slots.set(lane.backend, slots)
        this.#options.changed()
      }
    }
  }

  async #readChecks(lanes: readonly Lane[], now: number): Promise<void> {
    const failing = lanes.filter(lane => this.#of(lane).some(slot => slot.kind === 'checking' || slot.kind === 'down'))
    if (failing.length === 0 || now - this.#checksReadAt < 250) return
    this.#checksReadAt = now
    for (const lane of failing) {
      const words = await this.#options.runtime().lastChecks(lane.backend)
      this.#of(lane).forEach((slot, at) => {
        const tenant = tenantOf(slot)
        const said = words.get(`s${at + 1}`)
        if (!tenant || !said || this.#lastChecks.get(tenant.container) === said) return
        this.#lastChecks.set(tenant.container, said)
        this.#options.changed()
      })
    }
  }

  /** How long the loop may sleep (ms): proof is worth a look every 10 ms, a process that boots for a minute is not. */
  #pause(): number {
    const now = this.#options.clock.monotonic()
    const waits = this.#options.model().lanes.flatMap(lane =>
      this.#of(lane).flatMap(slot => {
        if (slot.kind === 'checking') return [now - slot.since < 3000 ? 10 : 100]
        return slot.kind === 'down' ? [50] : []
      }),
    )
    return Math.max(1, Math.min(fullPollMs, this.#restedAt - now, ...waits))
  }

  #of(lane: Lane): readonly Slot[] {
    const known = this.#slots.get(lane.backend)
    if (known) return known
    const pool = allBackends(this.#options.model().pools).find(one => one.backend === lane.backend)?.pool
    return restedSlots(pool?.slots ?? 4)
  }

  /** Free lanes, the first few of each pool marked to be armed in advance. */
  #spare(): readonly { readonly backend: string; readonly slots: number; readonly ready: boolean }[] {
    const leased = new Set(this.#options.model().lanes.map(lane => lane.backend))
    const left = new Map<string, number>()
    return allBackends(this.#options.model().pools).flatMap(({ backend, pool }) => {
      if (leased.has(backend)) return []
      const ready = (left.get(pool.name) ?? pool.ready) > 0
      left.set(pool.name, (left.get(pool.name) ?? pool.ready) - 1)
      return { backend, slots: pool.slots, ready }
    })
  }

  #vouched(tenant: Tenant): boolean {
    return this.#running.get(tenant.container)?.address === tenant.address
  }
}

function releaseId({ app, environment, release }: ReleaseKey): string {
  return `${environmentId({ app, environment })} ${release}`
}

function isWaiting(slot: Slot): boolean {
  return slot.kind === 'checking' || slot.kind === 'down' || (slot.kind === 'admitted' && !slot.proven)
}

function takesTraffic(slot: Slot): slot is Extract<Slot, { kind: 'admitted' | 'open' }> {
  return slot.kind === 'admitted' || slot.kind === 'open'
}

function isServing(state: SlotState): boolean {
  return state.up && !state.maintenance && state.weight > 0
}

function isHttpFailure(words: string | undefined): boolean {
  return words !== undefined && /^(HTTP |timeout after|not a valid HTTP)/.test(words)
}
