import { defaults } from '../core/defaults.ts'
import { AppError, isPassing } from '../core/errors.ts'
import type { Release } from '../core/release.ts'
import type { TaskView } from '../docker/engine.ts'
import type { RolloutDeps } from './roll-out.ts'
import { serviceSpecs } from './spec.ts'

/**
 * Swarm's own refusals (no node has room, no such image, a limit or a user that cannot be), which no keeper can see
 * because no container ever ran. Asked once a second. A wait for room is believed when seen twice in a row; a task that
 * was refused, when the next one of its slot is refused too: Swarm tries again after a second, and the first time may
 * have been an engine that was just starting, or an image that was on its way.
 */
export class SwarmRefusals {
  readonly #release: Release
  readonly #deps: RolloutDeps
  #askedAt = -Infinity
  #waitedForRoom = false

  constructor(release: Release, deps: RolloutDeps) {
    this.#release = release
    this.#deps = deps
  }

  async refusal(signal: AbortSignal): Promise<AppError | null> {
    const now = this.#deps.clock.monotonic()
    if (now - this.#askedAt < 1_000) return null
    this.#askedAt = now
    const slots = await this.#slots(signal).catch(silence)
    if (slots === silent) return null
    const refused = slots.map(refusedTwice).find(reason => reason !== null)
    if (refused) return refusalOf(refused, this.#release)
    const waiting = slots.map(waitsForRoom).find(reason => reason !== null) ?? null
    const again = waiting !== null && this.#waitedForRoom
    this.#waitedForRoom = waiting !== null
    return again ? noRoom(waiting, this.#release) : null
  }

  /** The tasks of each slot, newest first. */
  async #slots(signal: AbortSignal): Promise<readonly (readonly TaskView[])[]> {
    const slots: (readonly TaskView[])[] = []
    for (const { name } of serviceSpecs(this.#release, {})) {
      const tasks = await this.#deps.engine.listTasks(name, signal)
      slots.push(...Map.groupBy(tasks, task => task.slot).values())
    }
    return slots
  }
}

const silent = Symbol('silent')

/** An engine that cannot be asked just now has refused nothing. */
function silence(error: unknown): typeof silent {
  if (!isPassing(error)) throw error
  return silent
}

function waitsForRoom([newest]: readonly TaskView[]): string | null {
  return newest?.error && /no suitable node/i.test(newest.error) ? newest.error : null
}

/** Source: SwarmKit, api/types.proto, TaskState. */
const onTheirWay = new Set(['new', 'pending', 'assigned', 'accepted', 'preparing', 'ready', 'starting'])

/** Swarm's text; null: its last try, or the one before, came further. */
function refusedTwice(slot: readonly TaskView[]): string | null {
  const [last, before] = slot.filter(task => !onTheirWay.has(task.state)).map(refusedWith)
  return last && before ? last : null
}

function refusedWith({ state, error }: TaskView): string | null {
  if (error === null || !(state === 'rejected' || error.startsWith(startFailed))) return null
  // After an engine's start this comes once or twice, and passes.
  return /network attachment/i.test(error) ? null : error
}

const startFailed = 'starting container failed: '

function noRoom(reason: string, release: Release): AppError {
  const limit = Math.round(release.image.settings.memory / 1024 / 1024)
  const share = Math.round(limit * defaults.reservedMemoryShare)
  return new AppError('no-room', `no node has room for v${release.number}: ${reason}`, {
    hint: `Each process may use ${limit} MB and needs ${share} MB that no other has reserved. Lower "memory" in lading.yaml, run fewer processes (lading scale), or add a node.`,
  })
}

function refusalOf(reason: string, release: Release): AppError {
  if (/no such image/i.test(reason)) {
    return new AppError('not-healthy', `the image of v${release.number} is missing on the node: ${reason}`, {
      hint: 'Push again; the image is then built again.',
    })
  }
  const hint = hints.find(([pattern]) => pattern.test(reason))?.[1]
  const sentence = `the engine cannot start v${release.number}: ${shortened(reason)}`
  return new AppError('not-healthy', sentence, hint === undefined ? {} : { hint })
}

const hints: readonly (readonly [RegExp, string])[] = [
  [/range of CPUs/i, 'Lower "cpus" in lading.yaml: no process gets more than its node has.'],
  [/unable to find (?:user|group)/i, 'USER in the Dockerfile must name a user that the image has, or be a number.'],
]

/** Without who told whom on its way to us. */
function shortened(reason: string): string {
  const own = reason
    .replace(startFailed, '')
    .replace(/^.*unable to start container process: /, '')
    .replace(/: unknown$/, '')
  return own.length > 200 ? `${own.slice(0, 199)}…` : own
}
