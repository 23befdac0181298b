import { environmentId } from '../core/labels.ts'
import { parseRunId } from '../core/names.ts'
import type { Run } from '../core/run.ts'
import { pastNoReturn, wentLive, type RunState } from '../core/states.ts'
import type { EnvironmentRow } from '../store/store.ts'
import type { Deps } from './deps.ts'

type BringBackDeps = Pick<Deps, 'store' | 'repositories' | 'clock' | 'ids' | 'log'>

/**
 * The rows came from a backup, and nothing of what they say runs here. Runs that were under way end, for their cluster is
 * gone; what served gets a run of its own kind, which `Dispatcher.recover` begins. To be called before it; killed in the
 * middle it is called again, and writes what is missing.
 */
export async function bringBack(deps: BringBackDeps, signal: AbortSignal): Promise<void> {
  const { store, clock, ids, log } = deps
  const open = await store.openRuns()
  const own = open.filter(({ intent, state }) => intent.kind === 'restore' && state === 'queued')
  for (const run of open) if (!own.includes(run)) await end(run, deps)
  for (const key of await store.listEnvironments()) {
    const app = await store.findApp(key.app)
    const serving = await store.servingRelease(key)
    if (!app || app.destroyedAt !== null) continue
    await branchBack(key, deps, signal)
    if (serving === null || own.some(run => environmentId(run) === environmentId(key))) continue
    const { app: name, environment } = key
    await store.insertRun({
      app: name,
      environment,
      id: parseRunId(ids.runId()),
      intent: { kind: 'restore', to: serving.number },
      by: 'lading',
      reason: `v${serving.number} served when the backup was made`,
      now: clock.now(),
    })
  }
  log('brought back from a backup', { runs: (await store.openRuns()).length })
}

/** What had gone live is what served; whatever else was under way has changed nothing here. */
async function end(run: Run, { store, clock }: BringBackDeps): Promise<void> {
  const to: RunState = wentLive(run.state) ? 'settled' : pastNoReturn(run) ? 'failed' : 'cancelled'
  const reason =
    to === 'settled'
      ? `v${run.release} was live when the backup was made`
      : 'it was under way when the backup was made, and its cluster is gone'
  await store.advanceRun(run.id, run.state, to, { reason, now: clock.now() })
}

/**
 * A repository is packed after the rows, and a push may have moved its branch in between: back to where the rows have it,
 * so that the same push finds something to do.
 */
async function branchBack(key: EnvironmentRow, deps: BringBackDeps, signal: AbortSignal): Promise<void> {
  const { store, repositories } = deps
  const runs = await store.standingRuns(key)
  const newestFirst = runs.toSorted((a, b) => (b.release ?? 0) - (a.release ?? 0))
  const moved = newestFirst.flatMap(({ state, intent }) =>
    wentLive(state) && intent.kind === 'commit' && intent.move?.branch === key.branch ? [intent.commit] : [],
  )
  const head = await repositories.branch(key.app, key.branch, signal)
  const [to = null] = moved
  if (head === to || (to === null && runs.length > 0)) return
  await repositories.moveBranch(key.app, key.branch, { from: head, to }, signal)
}
