import { judgeMove } from '../commit/repository.ts'
import { AppError } from '../core/errors.ts'
import type { CommitId } from '../core/names.ts'
import type { Image, Release, Verdict } from '../core/release.ts'
import type { Run } from '../core/run.ts'
import { verdictStep } from '../core/verify-plan.ts'
import type { StepPlaces } from '../verify/steps/places.ts'
import { verify, verifyFailed } from '../verify/verify.ts'
import type { Deps } from './deps.ts'
import type { RunContext } from './run-context.ts'

/** What receive, build and verify made of a commit. */
export interface BuiltCommit {
  readonly commit: CommitId
  readonly author: string
  readonly image: Image
  readonly verdict: Verdict
}

type CommitIntent = Extract<Run['intent'], { kind: 'commit' }>

/** A push is judged against the branch as it is now: before the build, and again when the run's turn to release has come. */
export async function judge(run: Run, { repositories }: Deps, signal: AbortSignal): Promise<void> {
  if (run.intent.kind !== 'commit' || !run.intent.move) return
  const { commit, move } = run.intent
  await judgeMove(repositories, { app: run.app, commit, move }, signal)
}

/** What the stages of a run have beside the ports: places that all runs share. */
export interface StageDeps extends Deps {
  readonly places: StepPlaces
  readonly lease: AbortSignal
}

/** Builds and verifies: the row is in `building` before, and in `verifying` after. Rejects `verify-failed`. */
export async function buildAndVerify(
  context: RunContext,
  intent: CommitIntent,
  deps: StageDeps,
  signal: AbortSignal,
): Promise<BuiltCommit> {
  const built = await buildCommit(context, intent, deps, signal)
  await context.enter('verifying', 'verifying the image')
  const { run } = context
  const say = (line: string) => context.say(line)
  const found = await verify({ run, image: built.image, fresh: intent.fresh ?? false, say }, deps, signal)
  // Of a run that fails here there is no release to carry it.
  await deps.store.saveStep(run.id, verdictStep, found.verdict)
  if (found.verdict.outcome === 'failed') throw verifyFailed(found)
  return { ...built, verdict: found.verdict }
}

async function buildCommit(
  context: RunContext,
  intent: CommitIntent,
  deps: Deps,
  signal: AbortSignal,
): Promise<Omit<BuiltCommit, 'verdict'>> {
  const { app } = context.run
  const facts = await deps.repositories.describe(app, intent.commit, signal)
  const image = await deps.builder.build({ app, commit: intent.commit, say: line => context.say(line) }, signal)
  return { commit: intent.commit, author: facts.author, image }
}

/**
 * On another cluster: null where the registry has the image (the backup held it, or an earlier attempt built it), else the
 * image is built again from its commit.
 */
export async function imageForRestore(
  context: RunContext,
  to: number,
  deps: Deps,
  signal: AbortSignal,
): Promise<BuiltCommit | null> {
  const release = await releaseOf(context.run, to, deps)
  if (await deps.builder.has(release.image.reference, signal)) return null
  if (release.commit !== null) {
    const built = await buildCommit(context, { kind: 'commit', commit: release.commit }, deps, signal)
    // Its data came with the verdict that it had.
    return { ...built, verdict: release.verdict }
  }
  throw new AppError('conflict', `the image of v${to} is not here, and no commit that it was made from`, {
    hint: 'Push the app again.',
  })
}

/** Rejects `not-found`. */
export async function releaseOf(run: Run, number: number, { store }: Deps): Promise<Release> {
  const release = await store.findRelease(run, number)
  if (release) return release
  throw new AppError('not-found', `there is no release v${number}`, { hint: '"lading releases" lists them.' })
}
