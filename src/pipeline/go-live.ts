import { AppError, asAppError } from '../core/errors.ts'
import type { CommitId } from '../core/names.ts'
import type { Release } from '../core/release.ts'
import type { Run } from '../core/run.ts'
import { wentLive } from '../core/states.ts'
import { retry } from '../lib/async/retry.ts'
import type { Deps } from './deps.ts'
import type { Traffic } from './traffic.ts'
import { isDestroyed } from './upkeep.ts'
import type { RunContext } from './run-context.ts'

const retryMs = 500
/** A branch that does not move for so long, although no one else moves it, stays where it is (ms). */
const branchMs = 10_000

/**
 * Past the point of no return: one map switch on every edge, the row `live`, the branch. Carried to its end by who
 * holds the lease, so what fails is tried again until the signal (the lease) ends it.
 */
export async function goLive(
  context: RunContext,
  release: Release,
  { traffic, ...deps }: Deps & { readonly traffic: Traffic },
  signal: AbortSignal,
): Promise<void> {
  if (wentLive(context.run.state) && (await isOver(release, deps))) return
  const switchOver = async () => {
    await untilDone('route', () => traffic.moveTo(release, signal), deps, signal)
    await context.enter('live', `v${release.number} is live`)
  }
  await traffic.exclusively(release, switchOver, signal)
  await moveBranch(context.run, context, deps, signal)
}

/**
 * After a crash: if a newer one went live, whatever came of it, traffic and branch are not this run's any more. Nor are
 * those of an app that is being destroyed: its lane may be gone, and an edge would refuse the route for ever.
 */
async function isOver(release: Release, deps: Deps): Promise<boolean> {
  if (await isDestroyed(release, deps)) return true
  const runs = await deps.store.standingRuns(release)
  return runs.some(run => wentLive(run.state) && (run.release ?? 0) > release.number)
}

/**
 * The branch follows the row, never the other way round; entered again after a crash it is a no-op. A refusal that does
 * not pass (another branch's name in the way, a disk that is full) is told, and the environment goes on without it.
 */
export async function moveBranch(
  run: Run,
  context: Pick<RunContext, 'say'>,
  deps: Pick<Deps, 'repositories' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  if (run.intent.kind !== 'commit' || !run.intent.move) return
  const { commit, move } = run.intent
  const until = deps.clock.monotonic() + branchMs
  const branch = () => deps.repositories.branch(run.app, move.branch, signal)
  const isFinal = async (error: unknown, from: CommitId | null) =>
    error instanceof AppError &&
    (error.code === 'not-found' ||
      (error.code === 'conflict' && deps.clock.monotonic() >= until && (await branch()) === from))
  await untilDone(
    'branch',
    async () => {
      const now = await branch()
      if (now === commit) return
      try {
        await deps.repositories.moveBranch(run.app, move.branch, { from: now, to: commit }, signal)
      } catch (error) {
        if (!(await isFinal(error, now))) throw error
        const { message } = asAppError(error)
        deps.log('branch not moved', { app: run.app, branch: move.branch, run: run.id, error: message })
        context.say(
          ` !     ${move.branch} stays at ${now?.slice(0, 7) ?? 'nothing'}, it could not be moved: ${message}`,
        )
      }
    },
    deps,
    signal,
  )
}

async function untilDone(
  what: string,
  work: () => Promise<void>,
  { clock, log }: Pick<Deps, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const again = (error: unknown) => {
    signal.throwIfAborted()
    log('retry', { what, error: asAppError(error).message })
    return true
  }
  return retry(work, { clock, everyMs: retryMs, signal, again })
}
