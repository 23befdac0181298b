import { AppError } from '../core/errors.ts'
import type { Release } from '../core/release.ts'
import { automaticRollbackOf, goesOnByItself, type Run } from '../core/run.ts'
import { wentLive, type RunState } from '../core/states.ts'
import { persistently } from '../lib/async/retry.ts'
import { makeRelease } from '../release/make-release.ts'
import { releasePhase } from '../release/release-phase.ts'
import { startRelease } from '../rollout/roll-out.ts'
import { releasePhaseSpec } from '../rollout/spec.ts'
import {
  imageForRestore,
  buildAndVerify,
  releaseInputs,
  judge,
  type BuiltCommit,
  type StageTools,
} from './release-inputs.ts'
import type { RunContext } from './run-context.ts'
import type { Tools } from './tools.ts'

/**
 * The stages of a run, up to the row `proven`. Entered again after a crash, it goes on where the rows say
 * (docs/design/run-states.md). Simulated in test/simulation: canonical.test.ts kills it at every call.
 */
export async function runStages(context: RunContext, tools: StageTools, signal: AbortSignal): Promise<Release> {
  const { state } = context.run
  if (state === 'proven' || wentLive(state)) return carryOn(context, tools, signal)
  const built = await buildStages(context, tools, signal)
  await context.turn()
  const release = await releaseStage(context, built, tools, signal)
  await startStage(context, release, tools, signal)
  await context.enter('proven', `v${release.number} has proof on every edge`)
  return release
}

/** Receive, build, verify; nothing of it needs the environment's turn, and a rollback has nothing to do here. */
async function buildStages(context: RunContext, tools: StageTools, signal: AbortSignal): Promise<BuiltCommit | null> {
  const { intent } = context.run
  if (intent.kind === 'restore') {
    await context.enter('receiving', `looking for the image of v${intent.to}`)
    await context.enter('building', `bringing back v${intent.to}`)
    return context.step('found', () => imageForRestore(context, intent.to, tools, signal))
  }
  if (intent.kind !== 'commit') return null
  await context.enter('receiving', `receiving ${intent.commit.slice(0, 7)}`)
  await judge(context.run, tools, signal)
  await context.enter('building', `building ${intent.commit.slice(0, 7)}`)
  return context.step('found', () => buildAndVerify(context, intent, tools, signal))
}

async function releaseStage(
  context: RunContext,
  built: BuiltCommit | null,
  tools: Tools,
  signal: AbortSignal,
): Promise<Release> {
  const { run } = context
  if (built) await judge(run, tools, signal)
  await assertStillWanted(run, tools)
  await throughTo(context, 'releasing', 'making the release')
  const parts = await context.step('parts', () => releaseInputs(run, built, tools, signal))
  const release = await makeRelease(run, parts, tools, signal)
  const command = release.image.releaseCommand
  if (command !== null && runsReleasePhase(run)) await runReleasePhase(context, release, command, tools, signal)
  return release
}

/** What goes on by itself and has waited for its turn must not take the place of something newer that holds. */
async function assertStillWanted(run: Run, { store }: Tools): Promise<void> {
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
  tools: Tools,
  signal: AbortSignal,
): Promise<void> {
  context.say(`-----> Release phase: ${command}`)
  const config = await tools.store.readConfig(release, release.config)
  const until = tools.clock.monotonic() + release.image.settings.bootSeconds * 1000
  const network = () => tools.engine.ensureNetwork(...tools.network(release), signal)
  await persistently(network, { clock: tools.clock, until, signal })
  await releasePhase(
    release.run,
    releasePhaseSpec(release, command, config.values, tools.limits()),
    line => context.say(line),
    tools,
    signal,
  )
}

async function startStage(context: RunContext, release: Release, tools: Tools, signal: AbortSignal): Promise<void> {
  await context.enter('starting', `starting v${release.number}`)
  context.say(`-----> Starting v${release.number}`)
  await bringUp(context, release, tools, signal)
}

/**
 * A run that was past all of this at the crash. A proof that nothing was routed by yet is as old as the crash: traffic
 * moves to processes that answer now.
 */
async function carryOn(context: RunContext, tools: Tools, signal: AbortSignal): Promise<Release> {
  await context.turn()
  const { run } = context
  const release = run.release === null ? null : await tools.store.findRelease(run, run.release)
  if (!release) throw new AppError('internal', `run ${run.id} is ${run.state} and has no release`)
  if (run.state === 'proven') await bringUp(context, release, tools, signal)
  return release
}

async function bringUp(context: RunContext, release: Release, tools: Tools, signal: AbortSignal): Promise<void> {
  const config = await tools.store.readConfig(release, release.config)
  await startRelease(release, config.values, line => context.say(line), tools, signal)
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
