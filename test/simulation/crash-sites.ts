import { canonicalHistories, play, type CanonicalHistory, type Trouble } from './canonical.ts'
import type { Fault, Site } from './gate.ts'
import { atRest } from './invariants.ts'
import { Player } from './player.ts'
import type { Plant } from './world.ts'

export interface SiteResult {
  readonly history: string
  /** `before`, `lost`, … */
  readonly how: string
  /** The call it happened to. */
  readonly site: Site
  /** The act came to its end without this call: other things happened first. */
  readonly missed: boolean
  readonly problems: readonly string[]
}

interface Played {
  /** The calls of the act. */
  readonly sites: readonly Site[]
  readonly problems: readonly string[]
  /** How each run ended. */
  readonly ends: string
  readonly crashed: boolean
}

/** Plays a history to the end, and looks at the world when it has come to rest. */
export async function played(history: CanonicalHistory, plant?: Plant, trouble?: Trouble): Promise<Played> {
  const player = new Player({ plant })
  const { gate } = player
  const { first, last } = await play(player, history, trouble)
  const problems = await atRest(player)
  const ends = [...player.world.witness.states].map(([run, state]) => `${run} ${state}`).join(', ')
  await player.world.dispose()
  const outside = gate.sites.slice(0, first).findLast(site => site.outside !== null)?.outside ?? -1
  const sites = gate.sites.slice(first, last).map(site => relative(site, first, outside + 1))
  return { sites, problems, ends, crashed: player.crashSite !== null }
}

/** Everything that may happen to a call of the control plane. A question has no effect that could arrive late. */
export function troublesAt(site: Site): readonly (readonly [how: string, Trouble])[] {
  const crashes = (['before', 'after', 'under way'] as const)
    .filter(when => when !== 'under way' || changesTheWorld(site))
    .map(when => [when, { call: site.call, when }] as const)
  const { outside } = site
  const faults: readonly Fault[] = outside === null ? [] : ['refused', 'lost', 'late', 'twice']
  return [...crashes, ...faults.map(fault => [fault, { outside: outside ?? 0, fault }] as const)]
}

/** Every call of every act, with all that may happen to it. `share` of `shares`: so that processes can divide the work. */
export async function* allSites(share = 0, shares = 1): AsyncGenerator<SiteResult> {
  let number = 0
  for (const history of canonicalHistories) {
    const sound = await played(history)
    for (const site of sound.sites) {
      for (const [how, trouble] of troublesAt(site)) {
        if (number++ % shares !== share) continue
        const { problems, ends, crashed } = await played(history, undefined, trouble)
        const changed =
          mustChangeNothing(site, how) && ends !== sound.ends ? [`runs ended ${ends}, not ${sound.ends}`] : []
        const missed = 'when' in trouble && !crashed
        yield { history: history.name, how, site, missed, problems: [...problems, ...changed] }
      }
    }
  }
}

/** A call that is refused once, whose answer is lost, or that is done twice, fails no run; but a build may be refused. */
function mustChangeNothing(site: Site, how: string): boolean {
  return ['refused', 'lost', 'twice'].includes(how) && !site.name.startsWith('builder.')
}

function changesTheWorld({ outside, name }: Site): boolean {
  return outside !== null && !/\.(?:list|inspect|state)/.test(name)
}

function relative(site: Site, call: number, outside: number): Site {
  return { ...site, call: site.call - call, outside: site.outside === null ? null : site.outside - outside }
}

function short(stage: string): string {
  return stage === 'failed-after-live' ? 'failed-a-l' : stage
}

/** The table stage × site: how many crashes and faults there were. */
export function tableOfSites(results: readonly SiteResult[]): string {
  const met = results.filter(({ missed }) => !missed).map(({ site }) => site)
  const stages = [...new Set(met.map(({ stage }) => stage))]
  const rows = new Map<string, Map<string, number>>()
  for (const { name, stage } of met) {
    const row = rows.get(name) ?? new Map<string, number>()
    row.set(stage, (row.get(stage) ?? 0) + 1)
    rows.set(name, row)
  }
  const width = Math.max(...[...rows.keys()].map(name => name.length))
  const columns = stages.map(stage => Math.max(short(stage).length, 4))
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell, index) => cell.padStart(columns[index] ?? 0))].join(' ')
  const body = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [
    line('at', stages.map(short)),
    ...body.map(([name, row]) =>
      line(
        name,
        stages.map(stage => String(row.get(stage) ?? '·')),
      ),
    ),
  ].join('\n')
}
