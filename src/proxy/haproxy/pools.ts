import { AppError } from '../../core/errors.ts'
import type { LaneSpec } from '../../edge/edges.ts'

/**
 * Lanes are anonymous backends, made in advance in pools (decision: lanes-and-maps): HAProxy cannot add backends at run
 * time. What cannot be changed at run time is the pool's: protocol to the process, kind of check, number of slots.
 */
export interface Pool {
  readonly name: string
  readonly protocol: 'h1' | 'h2c'
  readonly check: 'tcp' | 'http'
  readonly slots: number
  /** Lanes at the first start; grows by `step` when fewer than `low` are free. */
  readonly initial: number
  readonly low: number
  readonly step: number
  /** Free lanes whose slots are armed in advance, so that an allocation right before the first container is soon enough. */
  readonly ready: number
}

function pool(protocol: Pool['protocol'], check: Pool['check'], slots: number, counts: readonly number[]): Pool {
  const [initial = 2, low = 1, step = 2, ready = 0] = counts
  return { name: `${protocol}_${check}_${slots}`, protocol, check, slots, initial, low, step, ready }
}

export const pools: readonly Pool[] = [
  pool('h1', 'tcp', 4, [24, 8, 40, 2]),
  pool('h1', 'http', 4, [16, 6, 40, 2]),
  pool('h2c', 'tcp', 4, [4, 2, 8, 0]),
  pool('h2c', 'http', 4, [4, 2, 8, 0]),
  pool('h1', 'tcp', 16, [4, 2, 8, 1]),
  pool('h1', 'http', 16, [4, 2, 8, 1]),
  pool('h2c', 'tcp', 16, [2, 1, 4, 0]),
  pool('h2c', 'http', 16, [2, 1, 4, 0]),
  pool('h1', 'tcp', 64, [1, 1, 2, 0]),
  pool('h1', 'http', 64, [1, 1, 2, 0]),
]

/** How many lanes each pool has, by pool name. */
export type PoolCounts = Readonly<Record<string, number>>

export const initialCounts: PoolCounts = Object.fromEntries(pools.map(one => [one.name, one.initial]))

/** The smallest pool that gives every process two slots. Rejects `invalid-input` when a release has too many processes. */
export function poolFor(spec: LaneSpec): Pool {
  const check = spec.healthPath === null ? 'tcp' : 'http'
  const fits = pools.filter(one => one.protocol === spec.protocol && one.check === check)
  const found = fits.find(one => one.slots >= 2 * spec.processes)
  if (found) return found
  const most = Math.max(...fits.map(one => one.slots)) / 2
  throw new AppError(
    'invalid-input',
    `${spec.app} wants ${spec.processes} web processes; one release can have ${most}`,
    {
      hint: `Scale web to ${most} or fewer.`,
    },
  )
}

export function backendName(pool: Pool, index: number): string {
  return `${pool.name}_${index}`
}

/** Every lane there is, in the order of the configuration. */
export function allBackends(counts: PoolCounts): readonly { readonly backend: string; readonly pool: Pool }[] {
  return pools.flatMap(one =>
    Array.from({ length: counts[one.name] ?? 0 }, (_, at) => ({ backend: backendName(one, at + 1), pool: one })),
  )
}
