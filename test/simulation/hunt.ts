import { canonicalHistories } from './canonical.ts'
import { played, troublesAt } from './crash-sites.ts'
import type { PlantedBug } from './planted.ts'

export interface Find {
  /** What the broken law's report says. */
  readonly report: string
  /** How many histories were played until then. */
  readonly histories: number
  /** The call and what happened to it; empty: the bug shows by itself. */
  readonly where: string
}

/** More would be no test of the simulation but of patience. */
const most = 150

/** Plays the bug's history, then the same with trouble at its calls, until the law is broken; null: it was not found. */
export async function hunt({ plant, history: name, at, law }: PlantedBug): Promise<Find | null> {
  const history = canonicalHistories.find(one => one.name.startsWith(name))
  if (!history) throw new Error(`there is no history ${name}`)
  const alone = await played(history, plant)
  let histories = 1
  const found = alone.problems.find(problem => law.test(problem))
  if (found !== undefined) return { report: found, histories, where: '' }
  for (const site of alone.sites.filter(one => at.includes(one.name))) {
    for (const [how, trouble] of troublesAt(site)) {
      if (histories++ >= most) return null
      const { problems } = await played(history, plant, trouble)
      const report = problems.find(problem => law.test(problem))
      if (report !== undefined) return { report, histories, where: `${site.name} ${how}, while ${site.stage}` }
    }
  }
  return null
}
