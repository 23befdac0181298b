import { defaults } from '../core/defaults.ts'
import { predecessor, servingRelease } from '../core/keep.ts'
import { environmentId } from '../core/labels.ts'
import type { RunId } from '../core/names.ts'
import { automaticRollbackOf, goesOnByItself, type Run, type RunIntent } from '../core/run.ts'
import { isFinal, wentLive } from '../core/states.ts'
import type { Deps } from './deps.ts'

type SettleDeps = Pick<Deps, 'store' | 'clock'> & {
  /** Resolves with the row as it is then: one that was past the point of no return goes on. */
  readonly supersede: (run: Run, reason: string) => Promise<Run>
  /** Whether the platform has stopped this release: it comes back by its owner's word alone (docs/design/disk-guard.md). */
  readonly wasStopped: (release: number) => Promise<boolean>
}

/**
 * The end of the observation window of a live run: `settled`, null; or `failed-after-live`, and the run that rolls back is
 * written, for the caller to begin. `crash`: what `watchWarm` saw.
 */
export async function settleOrRollBack(run: Run, crash: string | null, deps: SettleDeps): Promise<Run | null> {
  const runs = await deps.store.standingRuns(run)
  const serving = servingRelease(runs)
  const back = predecessor(runs, run)
  if (serving !== run.release) return settle(run, `v${serving} serves by now`, deps)
  if (crash === null) return settle(run, `v${run.release} held for ${defaults.warmMs / 1000} s`, deps)
  // Of a restored release nothing older runs on this cluster.
  if (back === null || goesOnByItself(run)) return settle(run, `${crash}; there is nothing to go back to`, deps)
  if (await deps.wasStopped(back))
    return settle(run, `${crash}; v${back} was stopped by the platform too, and is not gone back to`, deps)
  const other = await endRollbacks(run, crash, deps)
  if (other !== null) return settle(run, `${crash}; run ${other} takes over`, deps)
  return rollBack(run, back, crash, deps)
}

async function settle(run: Run, reason: string, { store, clock }: SettleDeps): Promise<null> {
  await store.advanceRun(run.id, run.state, 'settled', { reason, now: clock.now() })
  return null
}

/**
 * A rollback that is on its way when the release that serves meanwhile crashes as well goes back to that one, or no
 * further: it is ended. Null: none is left; else the one that is past the point of no return.
 */
async function endRollbacks(run: Run, crash: string, { store, supersede }: SettleDeps): Promise<RunId | null> {
  const own = automaticRollbackOf(run.id)
  for (const other of await store.openRuns()) {
    if (environmentId(other) !== environmentId(run) || !isAutomatic(other) || other.id === own) continue
    if (wentLive(other.state)) continue
    const { id, state } = await supersede(other, `v${run.release} did not hold either: ${crash}`)
    if (!isFinal(state)) return id
  }
  return null
}

/** Once both rows are written the old release serves, and traffic may go back to its warm processes. */
async function rollBack(run: Run, back: number, crash: string, { store, clock }: SettleDeps): Promise<Run> {
  const { app, environment } = run
  const id = automaticRollbackOf(run.id)
  const intent: RunIntent = { kind: 'rollback', to: back, releasePhase: false, automatic: true }
  const rollback =
    (await store.findRun(id)) ??
    (await store.insertRun({ app, environment, id, intent, by: 'lading', reason: crash, now: clock.now() }))
  const reason = `${crash}; rolled back to v${back} by run ${id}`
  await store.advanceRun(run.id, run.state, 'failed-after-live', { reason, now: clock.now() })
  return rollback
}

export function isAutomatic({ intent }: Run): boolean {
  return intent.kind === 'rollback' && intent.automatic
}
