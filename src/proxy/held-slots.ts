import { environmentId } from '../core/labels.ts'
import type { ReleaseKey } from '../edge/edges.ts'
import { allBackends } from './haproxy/pools.ts'
import type { EdgeModel, Lane } from './model.ts'
import { restedSlots, type Slot, type Occupant } from './slots.ts'

export interface Running extends ReleaseKey, Occupant {
  /** It was told to stop: SIGTERM has been sent. */
  readonly stopping: boolean
}

/** Who runs as reported by the engine, and the slots of all lanes: what deciding and looking both know. */
export class HeldSlots {
  readonly running = new Map<string, Running>()
  readonly #slots = new Map<string, readonly Slot[]>()
  readonly #model: () => EdgeModel

  constructor(model: () => EdgeModel) {
    this.#model = model
  }

  get(backend: string): readonly Slot[] | undefined {
    return this.#slots.get(backend)
  }

  set(backend: string, slots: readonly Slot[]): void {
    this.#slots.set(backend, slots)
  }

  forget(backend: string): void {
    this.#slots.delete(backend)
  }

  /** Slots of a allocated lane; fresh ones if nothing was put there yet. */
  of(lane: Lane): readonly Slot[] {
    const known = this.#slots.get(lane.backend)
    if (known) return known
    const pool = allBackends(this.#model().pools).find(one => one.backend === lane.backend)?.pool
    return restedSlots(pool?.slots ?? 4)
  }

  /** Free lanes, the first few of each pool marked to be armed in advance. */
  spare(): readonly { readonly backend: string; readonly slots: number; readonly ready: boolean }[] {
    const allocated = new Set(this.#model().lanes.map(lane => lane.backend))
    const left = new Map<string, number>()
    return allBackends(this.#model().pools).flatMap(({ backend, pool }) => {
      if (allocated.has(backend)) return []
      const ready = (left.get(pool.name) ?? pool.ready) > 0
      left.set(pool.name, (left.get(pool.name) ?? pool.ready) - 1)
      return { backend, slots: pool.slots, ready }
    })
  }

  /** The engine says that this very container still has this very address. */
  vouches(occupant: Occupant): boolean {
    return this.running.get(occupant.container)?.address === occupant.address
  }
}

export function releaseId({ app, environment, release }: ReleaseKey): string {
  return `${environmentId({ app, environment })} ${release}`
}
