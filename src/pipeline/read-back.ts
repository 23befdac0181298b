import { parseBranchName, production, type BranchName, type EnvironmentKey, type RunId } from '../core/names.ts'
import { automaticRollbackOf, type RunIntent } from '../core/run.ts'
import type { RunState } from '../core/states.ts'
import type { Parts } from '../release/make-release.ts'
import type { ReleaseDocument } from '../release/document.ts'
import { laneSpec, serviceSpecs } from '../run/spec.ts'
import type { ConfigVersion, RestoredEnvironment, RestoredRun } from '../store/store.ts'
import type { Found } from './parts.ts'

/** What cluster and edges hold of one environment. */
export interface Traces extends EnvironmentKey {
  /** Ascending. */
  readonly documents: readonly ReleaseDocument[]
  /** Every release of which anything is there: a document, a swarm service, a lane, a route. */
  readonly releases: ReadonlySet<number>
  readonly lanes: readonly number[]
  /** The release that has the traffic; null: no route. */
  readonly route: number | null
  /** Swarm services by name; steady: all processes run, and none has ever ended. */
  readonly services: ReadonlyMap<string, { readonly isSteady: boolean }>
  /** Runs whose release phase has a container, running or exited. */
  readonly phases: ReadonlySet<RunId>
}

/**
 * The release that served when the database was lost. An environment with traffic: the one that has it. Without a route
 * (no type `web`, or edges that have lost their state too) nobody has written it down: of those that are there with all
 * their processes, the newest whose processes run and have never ended, else the oldest, which has been good the longest.
 * A release that waits for proof in its lane has not served; nor has one whose processes were not all made yet.
 */
export function whichServed({ documents, route, lanes, services }: Traces): number | null {
  if (route !== null) return route
  const names = (one: ReleaseDocument) => serviceSpecs(one.release, {}).map(spec => spec.name)
  const whole = documents
    .filter(one => laneSpec(one.release) === null || lanes.length === 0)
    .filter(one => names(one).every(name => services.has(name)))
  const steady = whole.findLast(one => names(one).every(name => services.get(name)?.isSteady))
  return (steady ?? whole[0])?.release.number ?? null
}

/**
 * Why an environment cannot be told in rows, null when it can. Without its rows nothing sweeps it: what is there goes on
 * as it is.
 */
export function whyLeftAlone({ documents, releases }: Traces): string | null {
  const unknown = [...releases].filter(number => !documents.some(one => one.release.number === number))
  if (unknown.length === 0) return null
  return `${unknown.map(number => `v${number}`).join(', ')}: no document that can be read`
}

/** The rows of one environment. `isLanded`: whether the branch is where the release that served has put it. */
export function readBack(traces: Traces, isLanded: boolean, now: number): RestoredEnvironment {
  const { app, environment, documents } = traces
  const config = new Map<number, ConfigVersion>(documents.map(one => [one.config.version, one.config]))
  const serving = whichServed(traces)
  return {
    app,
    environment,
    branch: branchOf(traces),
    config: [...config.values()],
    runs: documents.map(one => runOf(one, fateOf(one, { ...traces, serving, isLanded }), now)),
  }
}

function branchOf({ documents, environment }: Traces): BranchName {
  const told = documents.findLast(one => one.branch !== null)?.branch
  return told ?? parseBranchName(environment === production ? 'main' : environment)
}

interface Fate {
  readonly state: RunState
  readonly reason: string
}

const source = 'read back from the cluster, for the database was lost'

function fateOf(
  { release }: ReleaseDocument,
  { serving, isLanded, documents, phases }: Traces & { readonly serving: number | null; readonly isLanded: boolean },
): Fate {
  const name = `v${release.number}`
  // Live and not landed: the pipeline moves the branch, as after any crash between the two.
  if (release.number === serving) return { state: isLanded ? 'settled' : 'live', reason: `${name} serves: ${source}` }
  if (documents.some(one => one.release.run === automaticRollbackOf(release.run))) {
    return { state: 'failed-after-live', reason: `${name} failed after going live: ${source}` }
  }
  if (release.number < (serving ?? 0)) return { state: 'settled', reason: `served before v${serving}: ${source}` }
  // Past the point of no return: a migration under way is carried to its own end, never started twice.
  if (phases.has(release.run)) return { state: 'releasing', reason: `its release phase was started: ${source}` }
  return { state: 'cancelled', reason: `${name} was not live yet: ${source}` }
}

function runOf({ release, intent }: ReleaseDocument, { state, reason }: Fate, now: number): RestoredRun {
  const { app, environment, run: id, by, createdAt, number } = release
  const why = intent ?? intentOf(release)
  const isUnderWay = state === 'releasing'
  return {
    run: {
      id,
      app,
      environment,
      intent: why,
      state,
      reason,
      by,
      createdAt,
      changedAt: now,
      releasePhaseStarted: isUnderWay,
      release: number,
      details: [],
    },
    release,
    steps: isUnderWay ? stepsOf(release, why) : {},
  }
}

/** What a document of the first Ladings does not say: told by what the release is made of. */
function intentOf({ commit, config, description }: ReleaseDocument['release']): RunIntent {
  return commit === null ? { kind: 'config', config, summary: description } : { kind: 'commit', commit }
}

/** So that the run goes on with this release's own parts, not with what would be found now. */
function stepsOf(release: ReleaseDocument['release'], intent: RunIntent): Readonly<Record<string, unknown>> {
  const { image, verdict, commit, author, config, formation, description } = release
  const parts: Parts = { image, verdict, commit, author, config, formation, description }
  if (intent.kind !== 'commit') return { parts }
  const found: Found = { commit: intent.commit, author, image, verdict }
  return { found, parts }
}
