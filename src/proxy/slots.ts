/**
 * The slots of one lane, as the keeper knows them (docs/design/edge.md has the figure). HAProxy holds the same states
 * as admin state, weight and health; this is the side that decides.
 */
export type Slot =
  /** In maintenance since then (monotonic ms); free once a check in flight to the last occupant must have ended. */
  | { readonly kind: 'resting'; readonly since: number }
  /** Weight 0, ready, health down on 127.0.0.1:1: its checks run at the quick pace, and fail. */
  | { readonly kind: 'armed'; readonly since: number }
  /** Holds a container's address; no check has passed yet. */
  | { readonly kind: 'checking'; readonly occupant: Occupant; readonly since: number }
  /** Takes traffic. `proven` is false only after a cold start, until its first check has passed. */
  | { readonly kind: 'admitted'; readonly occupant: Occupant; readonly proven: boolean }
  /** Was admitted; a check or a connection failed. It returns at the next good check while the engine vouches. */
  | { readonly kind: 'down'; readonly occupant: Occupant; readonly since: number }
  /**
   * All of its lane failed HTTP checks while their containers run: it takes traffic, unchecked by HAProxy (decision:
   * keeper-admits).
   */
  | { readonly kind: 'open'; readonly occupant: Occupant }
  /** Its process was told to stop: it ends what it has and gets nothing new. */
  | { readonly kind: 'leaving'; readonly occupant: Occupant }

export interface Occupant {
  readonly container: string
  /** `clusterAddress:port` */
  readonly address: string
}

export type SlotStep =
  | { readonly kind: 'rest' | 'arm' | 'leave'; readonly slot: number }
  /** Into a slot that is armed already, or that must be armed in the same breath. */
  | { readonly kind: 'place'; readonly slot: number; readonly address: string; readonly armed: boolean }

/**
 * A connection to a process, a visitor's or a check's, may take this long (ms). Longer than the second after which the
 * kernel repeats a SYN: a busy process whose queue was full for a moment is not down.
 */
export const connectMs = 2000
/** What a check waits for the answer, once connected (ms). */
export const checkAnswerMs = 1000
/** Longer than any check in flight to the last occupant, which would count for the next (ms). */
export const restMs = connectMs + checkAnswerMs + 200

export function restedSlots(count: number): readonly Slot[] {
  return Array.from({ length: count }, (): Slot => ({ kind: 'resting', since: -Infinity }))
}

export function occupantOf(slot: Slot): Occupant | null {
  return 'occupant' in slot ? slot.occupant : null
}

export interface LaneView {
  readonly slots: readonly Slot[]
  /** Processes of the lane's release that run now, as reported by their engine. */
  readonly running: readonly Occupant[]
  /** Of those, the ones that were told to stop. */
  readonly stopping: ReadonlySet<string>
  /** How many processes the lane should have room for: that many slots are taken or armed. */
  readonly wanted: number
  /** Monotonic ms. */
  readonly now: number
}

/**
 * What one lane needs now: occupants whose container is gone rest first, then newcomers get a slot, then free slots are
 * armed ahead of need. Level-triggered: called after every change, it finds the difference by itself.
 */
export function planLane(lane: LaneView): { readonly slots: readonly Slot[]; readonly steps: readonly SlotStep[] } {
  const { running, stopping, wanted, now } = lane
  const slots = [...lane.slots]
  const steps: SlotStep[] = []
  const vouched = new Map(running.map(occupant => [occupant.container, occupant.address]))

  slots.forEach((slot, at) => {
    const occupant = occupantOf(slot)
    if (!occupant || vouched.get(occupant.container) === occupant.address) return
    steps.push({ kind: 'rest', slot: at })
    slots[at] = { kind: 'resting', since: now }
  })
  slots.forEach((slot, at) => {
    if (slot.kind !== 'admitted' || !stopping.has(slot.occupant.container)) return
    // The last one stays: a process that is about to stop is better than none.
    if (slots.filter(one => one.kind === 'admitted').length < 2) return
    steps.push({ kind: 'leave', slot: at })
    slots[at] = { kind: 'leaving', occupant: slot.occupant }
  })
  const placed = new Set(slots.map(slot => occupantOf(slot)?.container))
  for (const occupant of running.filter(one => !placed.has(one.container) && !stopping.has(one.container))) {
    const at = slotForOccupant(slots, now)
    if (at < 0) break
    steps.push({ kind: 'place', slot: at, address: occupant.address, armed: slots[at]?.kind === 'armed' })
    slots[at] = { kind: 'checking', occupant, since: now }
  }
  const taken = slots.filter(slot => slot.kind !== 'resting' && slot.kind !== 'leaving').length
  const free = slots.flatMap((slot, at) => (isFree(slot, now) ? [at] : []))
  for (const at of free.slice(0, Math.max(0, wanted - taken))) {
    steps.push({ kind: 'arm', slot: at })
    slots[at] = { kind: 'armed', since: now }
  }
  return { slots, steps }
}

/** Milliseconds until the next resting slot is free; null when none rests. */
export function nextRested(slots: readonly Slot[], now: number): number | null {
  const waits = slots.flatMap(slot =>
    slot.kind === 'resting' && !isFree(slot, now) ? [restMs - (now - slot.since)] : [],
  )
  return waits.length === 0 ? null : Math.max(1, Math.min(...waits))
}

function isFree(slot: Slot, now: number): boolean {
  return slot.kind === 'resting' && now - slot.since >= restMs
}

/** The slot armed longest, else one that has rested; -1 when all are taken. */
function slotForOccupant(slots: readonly Slot[], now: number): number {
  let best = -1
  let since = Infinity
  slots.forEach((slot, at) => {
    if (slot.kind === 'armed' && slot.since < since) [best, since] = [at, slot.since]
  })
  return best >= 0 ? best : slots.findIndex(slot => isFree(slot, now))
}
