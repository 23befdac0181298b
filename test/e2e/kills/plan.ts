import { Random } from '../../simulation/random.ts'

/** Where a run is when something is killed. */
export const stages = [
  'receiving',
  'building',
  'verifying',
  'release phase',
  'starting',
  'proven',
  'warm',
  'draining',
] as const
export type Stage = (typeof stages)[number]

export type Target = 'control plane' | 'keeper' | 'HAProxy' | 'engine'

/**
 * A control plane that is killed is what the two oracles are about: it is half of all kills. An engine takes everything
 * on its node along, and a minute.
 */
const deck: readonly Target[] = [
  ...Array.from({ length: 6 }, (): Target => 'control plane'),
  ...Array.from({ length: 3 }, (): Target => 'keeper'),
  ...Array.from({ length: 2 }, (): Target => 'HAProxy'),
  'engine',
]

export interface Moment {
  readonly number: number
  readonly stage: Stage
  readonly target: Target
  /** How far into the stage, 0 to below 1: which line of a build, whether what was held is let go before or after. */
  readonly share: number
}

/** The moments of one seed: every stage comes once in each eight kills, every target as often as in the deck. */
export function plan(seed: number, kills: number): readonly Moment[] {
  const random = new Random(seed)
  const nextStage = dealt(stages, random)
  const nextTarget = dealt(deck, random)
  return Array.from({ length: kills }, (_, at) => ({
    number: at + 1,
    stage: nextStage(),
    target: nextTarget(),
    share: random.next(),
  }))
}

/** Deals a shuffled deck, and shuffles again when it is empty. */
function dealt<T>(cards: readonly T[], random: Random): () => T {
  const left: T[] = []
  return () => {
    if (left.length === 0) left.push(...cards)
    return left.splice(random.between(0, left.length - 1), 1)[0] as T
  }
}
