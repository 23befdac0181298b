import { AppError } from '../core/errors.ts'
import type { Release } from '../core/release.ts'
import { automaticRollbackOf, goesOnByItself, type Run } from '../core/run.ts'
import { wentLive, type RunState } from '../core/states.ts'
import { persistently } from '../lib/async/retry.ts'
import { makeRelease } from '../release/make-release.ts'
import { releasePhase } from '../release/release-phase.ts'
import { startRelease } from '../rollout/roll-out.ts'
import { releasePhaseSpec } from '../rollout/spec.ts'
import { fromBackup, fromCommit, fromOldParts, judge, type Found } from './release-inputs.ts'
import type { Tools } from './tools.ts'

/** One run as the way sees it: its row, and the two things that may be done with it. */
export interface Journey {
  readonly run: Run
  /** Moves the row forward; no-op when a crash left the run at `to` or further. Rejects `superseded` or `cancelled` when it was. */
  enter(to: RunState, reason: string): Promise<void>
  /** The result of `work`, stored; entered again after a crash, it is answered from the store. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Waits until this run may release: one run of an environment at a time from `releasing` to `live`. */
  turn(): Promise<void>
  say(line: string): void
}

/** The way of a commit, up to the row `proven`. Entered again after a crash, it goes on where the rows say (docs/design/run-states.md). */
export async function way(journey: Journey, tools: Tools, signal: AbortSignal): Promise<Release> {
  const { state } = journey.run
  if (state === 'proven' || wentLive(state)) return carryOn(journey, tools, signal)
  const found = await find(journey, tools, signal)
  await journey.turn()
  const release = await release_(journey, found, tools, signal)
  await start(journey, release, tools, signal)
  await journey.enter('proven', `v${release.number} has proof on every edge`)
  return release
}

/** Receive, build, verify; nothing of it needs the environment's turn, and a rollback has nothing to do here. */
async function find(journey: Journey, tools: Tools, signal: AbortSignal): Promise<Found | null> {
  const { intent } = journey.run
  if (intent.kind === 'restore') {
    await journey.enter('receiving', `looking for the image of v${intent.to}`)
    await journey.enter('building', `bringing back v${intent.to}`)
    return journey.step('found', () => fromBackup(journey, intent.to, tools, signal))
  }
  if (intent.kind !== 'commit') return null
  await journey.enter('receiving', `receiving ${intent.commit.slice(0, 7)}`)
  await judge(journey.run, tools, signal)
  await journey.enter('building', `building ${intent.commit.slice(0, 7)}`)
  return journey.step('found', () => fromCommit(journey, intent, tools, signal))
}

async function release_(journey: Journey, found: Found | null, tools: Tools, signal: AbortSignal): Promise<Release> {
  const { run } = journey
  if (found) await judge(run, tools, signal)
  await assertStillWanted(run, tools)
  await throughTo(journey, 'releasing', 'making the release')
  const parts = await journey.step('parts', () => fromOldParts(run, found, tools, signal))
  const release = await makeRelease(run, parts, tools, signal)
  const command = release.image.releaseCommand
  if (command !== null && runsReleasePhase(run)) await phase(journey, release, command, tools, signal)
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

async function phase(
  journey: Journey,
  release: Release,
  command: string,
  tools: Tools,
  signal: AbortSignal,
): Promise<void> {
  journey.say(`-----> Release phase: ${command}`)
  const config = await tools.store.readConfig(release, release.config)
  const until = tools.clock.monotonic() + release.image.settings.bootSeconds * 1000
  const network = () => tools.engine.ensureNetwork(...tools.network(release), signal)
  await persistently(network, { clock: tools.clock, until, signal })
  await releasePhase(
    release.run,
    releasePhaseSpec(release, command, config.values, tools.limits()),
    line => journey.say(line),
    tools,
    signal,
  )
}

async function start(journey: Journey, release: Release, tools: Tools, signal: AbortSignal): Promise<void> {
  await journey.enter('starting', `starting v${release.number}`)
  journey.say(`-----> Starting v${release.number}`)
  await bringUp(journey, release, tools, signal)
}

/**
 * A run that was past all of this at the crash. A proof that nothing was routed by yet is as old as the crash: traffic
 * moves to processes that answer now.
 */
async function carryOn(journey: Journey, tools: Tools, signal: AbortSignal): Promise<Release> {
  await journey.turn()
  const { run } = journey
  const release = run.release === null ? null : await tools.store.findRelease(run, run.release)
  if (!release) throw new AppError('internal', `run ${run.id} is ${run.state} and has no release`)
  if (run.state === 'proven') await bringUp(journey, release, tools, signal)
  return release
}

async function bringUp(journey: Journey, release: Release, tools: Tools, signal: AbortSignal): Promise<void> {
  const config = await tools.store.readConfig(release, release.config)
  await startRelease(release, config.values, line => journey.say(line), tools, signal)
}

/** A rollback enters no stage before `releasing`; its row passes them so that states keep one order for all. */
async function throughTo(journey: Journey, state: RunState, reason: string): Promise<void> {
  for (const between of ['receiving', 'building', 'verifying'] as const) await journey.enter(between, reason)
  await journey.enter(state, reason)
}

/** A restored app's data is as it was when the phase had run. */
function runsReleasePhase({ intent }: Run): boolean {
  if (intent.kind === 'restore') return false
  return intent.kind !== 'rollback' || (intent.releasePhase && !intent.automatic)
}
