import { AppError } from '../core/errors.ts'
import type { Release } from '../core/release.ts'
import { automaticRollbackOf, goesOnByItself, type Run } from '../core/run.ts'
import { wentLive, type RunState } from '../core/states.ts'
import { persistently } from '../lib/async/retry.ts'
import { makeRelease } from '../release/make-release.ts'
import { releasePhase } from '../release/release-phase.ts'
import { startRelease } from '../rollout/roll-out.ts'
import { releasePhaseSpec } from '../rollout/spec.ts'
import { buildAndVerify, imageForRestore, judge, type BuiltCommit, type StageDeps } from './built-commit.ts'
import { releaseInputs } from './release-inputs.ts'
import type { RunContext } from './run-context.ts'
import type { Deps } from './deps.ts'

/**
 * The stages of a run, up to the row `proven`. Entered again after a crash, it goes on where the rows say
 * (docs/design/run-states.md). Simulated in test/simulation: canonical.test.ts kills it at every call.
 */
export async function runStages(context: RunContext, deps: StageDeps, signal: AbortSignal): Promise<Release> {
  const { state } = context.run
  if (state === 'proven' || wentLive(state)) return carryOn(context, deps, signal)
  const built = await buildStages(context, deps, signal)
  await context.turn()
  const release = await releaseStage(context, built, deps, signal)
  await startStage(context, release, deps, signal)
  await context.enter('proven', `v${release.number} has proof on every edge`)
  return release
}

/** Receive, build, verify; nothing of it needs the environment's turn, and a rollback has nothing to do here. */
async function buildStages(context: RunContext, deps: StageDeps, signal: AbortSignal): Promise<BuiltCommit | null> {
  const { intent } = context.run
  if (intent.kind === 'restore') {
    await context.enter('receiving', `looking for the image of v${intent.to}`)
    await context.enter('building', `bringing back v${intent.to}`)
    return context.step('found', () => imageForRestore(context, intent.to, deps, signal))
  }
  if (intent.kind !== 'commit') return null
  await context.enter('receiving', `receiving ${intent.commit.slice(0, 7)}`)
  await judge(context.run, deps, signal)
  await context.enter('building', `building ${intent.commit.slice(0, 7)}`)
  return context.step('found', () => buildAndVerify(context, intent, deps, signal))
}

async function releaseStage(
  context: RunContext,
  built: BuiltCommit | null,
  deps: Deps,
  signal: AbortSignal,
): Promise<Release> {
  const { run } = context
  if (built) await judge(run, deps, signal)
  await assertStillWanted(run, deps)
  await throughTo(context, 'releasing', 'making the release')
  const parts = await context.step('parts', () => releaseInputs(run, built, deps, signal))
  const release = await makeRelease(run, parts, deps, signal)
  const command = release.image.releaseCommand
  if (command !== null && runsReleasePhase(run)) await runReleasePhase(context, release, command, deps, signal)
  return release
}

/** What goes on by itself and has waited for its turn must not take the place of something newer that holds. */
async function assertStillWanted(run: Run, { store }: Deps): Promise<void> {
  const { intent } = run
  if (!goesOnByItself(run) || !('to' in intent)) return
  const serving = await store.servingRelease(run)
  // After a crash the run that failed may still stand as live: it is the one to go back from.
  if (serving === null || serving.number === intent.to || automaticRollbackOf(serving.run) === run.id) return
  throw new AppError('superseded', `v${serving.number} serves by now`)
}

async function runReleasePhase(
  context: RunContext,
  release: Release,
  command: string,
  deps: Deps,
  signal: AbortSignal,
): Promise<void> {
  context.say(`-----> Release phase: ${command}`)
  const config = await deps.store.readConfig(release, release.config)
  const until = deps.clock.monotonic() + release.image.settings.bootSeconds * 1000
  const network = () => deps.engine.ensureNetwork(...deps.network(release), signal)
  await persistently(network, { clock: deps.clock, until, signal })
  await releasePhase(
    release.run,
    releasePhaseSpec(release, command, config.values, deps.limits()),
    line => context.say(line),
    deps,
    signal,
  )
}

async function startStage(context: RunContext, release: Release, deps: Deps, signal: AbortSignal): Promise<void> {
  await context.enter('starting', `starting v${release.number}`)
  context.say(`-----> Starting v${release.number}`)
  await bringUp(context, release, deps, signal)
}

/**
 * A run that was past all of this at the crash. A proof that nothing was routed by yet is as old as the crash: traffic
 * moves to processes that answer now.
 */
async function carryOn(context: RunContext, deps: Deps, signal: AbortSignal): Promise<Release> {
  await context.turn()
  const { run } = context
  const release = run.release === null ? null : await deps.store.findRelease(run, run.release)
  if (!release) throw new AppError('internal', `run ${run.id} is ${run.state} and has no release`)
  if (run.state === 'proven') await bringUp(context, release, deps, signal)
  return release
}

async function bringUp(context: RunContext, release: Release, deps: Deps, signal: AbortSignal): Promise<void> {
  const config = await deps.store.readConfig(release, release.config)
  await startRelease(release, config.values, line => context.say(line), deps, signal)
}

/** A rollback enters no stage before `releasing`; its row passes them so that states keep one order for all. */
async function throughTo(context: RunContext, state: RunState, reason: string): Promise<void> {
  for (const between of ['receiving', 'building', 'verifying'] as const) await context.enter(between, reason)
  await context.enter(state, reason)
}

/** A restored app's data is as it was when the phase had run; scaling changes neither image nor config, which it ran with. */
function runsReleasePhase({ intent }: Run): boolean {
  if (intent.kind === 'restore' || intent.kind === 'scale') return false
  return intent.kind !== 'rollback' || (intent.releasePhase && !intent.automatic)
}
