import type { Clock } from '../core/clock.ts'
import { environmentId } from '../core/labels.ts'
import { admitCommands, checkAgainCommands, failOpenCommands } from './haproxy/commands.ts'
import { probe } from './haproxy/probe.ts'
import type { Runtime, SlotState } from './haproxy/runtime.ts'
import type { HeldSlots } from './held-slots.ts'
import { sameRelease } from '../edge/edges.ts'
import type { EdgeModel, Lane } from './model.ts'
import { occupantOf, type Slot } from './slots.ts'

export interface HealthChecksOptions {
  readonly clock: Clock
  readonly model: () => EdgeModel
  readonly runtime: () => Runtime
  readonly log: (line: string) => void
  /** Something that a view shows has changed. */
  readonly changed: () => void
}

/** `rise` of the configuration: a slot that is up counts from there, and one check later it is above. */
const rise = 1_000_000_000
/** All slots are looked at so often (ms), those that wait for a check at every look. */
export const fullPollMs = 2000
const probeMs = 2000

/**
 * Looks at HAProxy's checks and does what they say: gives proof, takes down, brings back, fails open (decision:
 * keeper-admits).
 */
export class HealthChecks {
  readonly #options: HealthChecksOptions
  readonly #held: HeldSlots
  readonly #lastChecks = new Map<string, string>()
  #fullPollAt = -Infinity
  #checksReadAt = -Infinity
  #probedAt = -Infinity

  constructor(options: HealthChecksOptions, held: HeldSlots) {
    this.#options = options
    this.#held = held
  }

  /** The last failed check of a container in words. */
  lastCheck(container: string): string | null {
    return this.#lastChecks.get(container) ?? null
  }

  forget(container: string): void {
    this.#lastChecks.delete(container)
  }

  /** All slots are looked at next time. */
  ring(): void {
    this.#fullPollAt = -Infinity
  }

  /** Looks at the checks: admits, takes down, brings back, fails open. */
  async look(): Promise<void> {
    const now = this.#options.clock.monotonic()
    const full = now - this.#fullPollAt >= fullPollMs
    if (full) this.#fullPollAt = now
    const lanes = this.#options.model().lanes.filter(lane => full || this.#held.of(lane).some(isWaiting))
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
    const slots = [...this.#held.of(lane)]
    for (const [at, slot] of slots.entries()) {
      const state = seen.find(one => one.slot === `s${at + 1}`)
      const occupant = occupantOf(slot)
      if (!state || !occupant || !this.#held.vouches(occupant)) continue
      if (slot.kind === 'checking' || slot.kind === 'down') {
        if (state.address === occupant.address && state.passed >= 1 && (await this.#admit(lane, at))) {
          slots[at] = { kind: 'admitted', occupant, proven: true }
        }
      } else if (slot.kind === 'admitted') {
        if (!state.up) slots[at] = { kind: 'down', occupant, since: this.#options.clock.monotonic() }
        else if (!slot.proven && state.passed > rise) slots[at] = { kind: 'admitted', occupant, proven: true }
      }
    }
    if (slots.every((slot, at) => slot === this.#held.of(lane)[at])) return
    this.#held.set(lane.backend, slots)
    this.#options.changed()
  }

  /** Up, full weight, read back. */
  async #admit(lane: Lane, at: number): Promise<boolean> {
    const runtime = this.#options.runtime()
    await runtime.change(admitCommands(lane.backend, at))
    const state = (await runtime.slots([lane.backend])).find(one => one.slot === `s${at + 1}`)
    return state !== undefined && isServing(state)
  }

  /**
   * decision: keeper-admits. When every process of a serving lane fails its HTTP check, the checks are wrong more often
   * than all are.
   */
  async #failOpen(lane: Lane): Promise<void> {
    const slots = this.#held.of(lane)
    const occupants = slots.filter(slot => occupantOf(slot) !== null && slot.kind !== 'checking')
    const serves = this.#options.model().routes.some(route => sameRelease(route, lane.spec))
    if (lane.spec.healthPath === null || !serves || occupants.length === 0) return
    if (!occupants.every(slot => slot.kind === 'down')) return
    const runtime = this.#options.runtime()
    const words = await runtime.lastChecks(lane.backend)
    const byHttp = slots.every((slot, at) => slot.kind !== 'down' || isHttpFailure(words.get(`s${at + 1}`)))
    if (!byHttp) return
    await runtime.change(slots.flatMap((slot, at) => (slot.kind === 'down' ? failOpenCommands(lane.backend, at) : [])))
    this.#held.set(
      lane.backend,
      slots.map((slot): Slot => (slot.kind === 'down' ? { kind: 'open', occupant: slot.occupant } : slot)),
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
      const slots = [...this.#held.of(lane)]
      for (const [at, slot] of slots.entries()) {
        if (slot.kind !== 'open') continue
        const { protocol, healthPath } = lane.spec
        const { address } = slot.occupant
        if (!(await probe({ protocol, address, path: healthPath ?? '/' }, this.#options.clock))) continue
        await this.#options.runtime().change(checkAgainCommands(lane.backend, at))
        slots[at] = { kind: 'admitted', occupant: slot.occupant, proven: true }
        this.#held.set(lane.backend, slots)
        this.#options.changed()
      }
    }
  }

  async #readChecks(lanes: readonly Lane[], now: number): Promise<void> {
    const failing = lanes.filter(lane =>
      this.#held.of(lane).some(slot => slot.kind === 'checking' || slot.kind === 'down'),
    )
    if (failing.length === 0 || now - this.#checksReadAt < 250) return
    this.#checksReadAt = now
    for (const lane of failing) {
      const words = await this.#options.runtime().lastChecks(lane.backend)
      this.#held.of(lane).forEach((slot, at) => {
        const occupant = occupantOf(slot)
        const said = words.get(`s${at + 1}`)
        if (!occupant || !said || this.#lastChecks.get(occupant.container) === said) return
        this.#lastChecks.set(occupant.container, said)
        this.#options.changed()
      })
    }
  }
}

function isWaiting(slot: Slot): boolean {
  return slot.kind === 'checking' || slot.kind === 'down' || (slot.kind === 'admitted' && !slot.proven)
}

export function isServing(state: SlotState): boolean {
  return state.up && !state.maintenance && state.weight > 0
}

function isHttpFailure(words: string | undefined): boolean {
  return words !== undefined && /^(HTTP |timeout after|not a valid HTTP)/.test(words)
}
