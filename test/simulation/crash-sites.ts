import { canonicalHistories, play, type CanonicalHistory } from './canonical.ts'
import type { Site } from './gate.ts'
import { atRest } from './invariants.ts'
import { Player } from './player.ts'

export interface SiteResult {
  readonly history: string
  /** Number of the call within the act. */
  readonly call: number
  readonly when: 'before' | 'after'
  /** Null: the act came to its end without this call. */
  readonly site: Site | null
  readonly problems: readonly string[]
}

/** How many calls an act makes when nobody dies: its crash sites. */
export async function countCalls(history: CanonicalHistory): Promise<number> {
  const player = new Player()
  const { first, last } = await play(player, history)
  await player.world.dispose()
  return last - first
}

/** Dies at one call of the act, once before or after its effect, and looks at the world when it has come to rest. */
export async function crashAt(
  history: CanonicalHistory,
  crash: { readonly call: number; readonly when: 'before' | 'after' },
): Promise<SiteResult> {
  const player = new Player()
  await play(player, history, crash)
  const problems = await atRest(player)
  const { crashSite } = player
  await player.world.dispose()
  return { history: history.name, ...crash, site: crashSite, problems }
}

/** Every call of every act. `share` of `shares`: so that processes can divide the work. */
export async function* allCrashSites(share = 0, shares = 1): AsyncGenerator<SiteResult> {
  let number = 0
  for (const history of canonicalHistories) {
    const calls = await countCalls(history)
    for (let call = 0; call < calls; call++) {
      for (const when of ['before', 'after'] as const) {
        if (number++ % shares === share) yield await crashAt(history, { call, when })
      }
    }
  }
}

/** The table stage × site: how many crashes there were. */
export function tableOfSites(results: readonly SiteResult[]): string {
  const stages = [...new Set(results.flatMap(({ site }) => (site ? [site.stage] : [])))]
  const rows = new Map<string, Map<string, number>>()
  for (const { site } of results) {
    if (!site) continue
    const row = rows.get(site.name) ?? new Map<string, number>()
    row.set(site.stage, (row.get(site.stage) ?? 0) + 1)
    rows.set(site.name, row)
  }
  const width = Math.max(...[...rows.keys()].map(name => name.length))
  const columns = stages.map(stage => Math.max(stage.length, 4))
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell, index) => cell.padStart(columns[index] ?? 0))].join('  ')
  const body = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [
    line('crashed at', stages),
    ...body.map(([name, row]) =>
      line(
        name,
        stages.map(stage => String(row.get(stage) ?? '·')),
      ),
    ),
  ].join('\n')
}
