import type { Run } from './run.ts'
import { isFinal, serves } from './states.ts'

/**
 * Which releases of one environment may run (docs/design/run-states.md). Derived from the rows alone; what is not in
 * the answer is drained and removed. `runs`: all runs of the environment that are open or went live.
 *
 * Of releases that went live one right after the other only the last has a warm predecessor: whoever pushes every few
 * seconds must not fill the node with releases that no one would go back to.
 */
export function releasesToKeep(runs: readonly Run[]): ReadonlySet<number> {
  const keep = new Set<number>()
  const add = (number: number | null) => number !== null && keep.add(number)
  const serving = servingRelease(runs)
  add(serving)
  for (const run of runs) {
    if (isFinal(run.state)) continue
    if (run.state !== 'live') add(run.release)
    else if (run.release === serving) add(predecessor(runs, run))
    // The one that failed may still be all that answers until the rollback is live.
    if (run.intent.kind === 'rollback' && run.intent.automatic) {
      add(run.intent.to)
      add(newest(runs.filter(other => other.state === 'failed-after-live')))
    }
  }
  return keep
}

/**
 * Which releases of one environment keep their image: those that may run, and going back in time those that served, until
 * `count` different images are there. `runs` as above; `imageOf` names a release's image.
 */
export async function imagesToKeep(
  runs: readonly Run[],
  count: number,
  imageOf: (release: number) => Promise<string | null>,
): Promise<ReadonlySet<string>> {
  const images = new Set<string>()
  const add = async (release: number) => {
    const image = await imageOf(release)
    if (image !== null) images.add(image)
  }
  for (const release of releasesToKeep(runs)) await add(release)
  const served = runs.flatMap(run => (serves(run.state) && run.release !== null ? [run.release] : []))
  for (const release of served.toSorted((a, b) => b - a)) {
    if (images.size >= count) break
    await add(release)
  }
  return images
}

/** The newest release that went live and did not fail afterwards; null when there is none. */
export function servingRelease(runs: readonly Run[]): number | null {
  return newest(runs.filter(run => serves(run.state)))
}

/** The release that served before this run's. */
export function predecessor(runs: readonly Run[], run: Run): number | null {
  return newest(runs.filter(other => serves(other.state) && (other.release ?? 0) < (run.release ?? 0)))
}

function newest(runs: readonly Run[]): number | null {
  return runs.reduce<number | null>(
    (max, run) => (run.release !== null && run.release > (max ?? 0) ? run.release : max),
    null,
  )
}
