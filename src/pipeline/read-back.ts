import {
  parseBranchName,
  production,
  type BranchName,
  type CommitId,
  type DomainName,
  type EnvironmentKey,
  type RunId,
} from '../core/names.ts'
import { automaticRollbackOf, type RefMove, type RunIntent } from '../core/run.ts'
import type { RunState } from '../core/states.ts'
import type { Parts } from '../release/make-release.ts'
import type { ReleaseDocument } from '../release/document.ts'
import { laneSpec, serviceSpecs } from '../rollout/spec.ts'
import type { ConfigVersion, RestoredEnvironment, RestoredRun } from '../store/store.ts'
import type { BuiltCommit } from './built-commit.ts'

/** What cluster and edges hold of one environment. */
export interface Traces extends EnvironmentKey {
  /** Ascending. */
  readonly documents: readonly ReleaseDocument[]
  /** Every release of which anything is there: a document, a swarm service, a lane, a route. */
  readonly releases: ReadonlySet<number>
  readonly lanes: readonly number[]
  /** The release that has the traffic; null: no route. */
  readonly route: number | null
  /** The names that the edges answer at for it, besides the platform's. */
  readonly domains: readonly DomainName[]
  /** Swarm services by name; steady: all processes run, and none has ever ended. */
  readonly services: ReadonlyMap<string, { readonly isSteady: boolean }>
  /** Runs whose release phase has a container, running or exited. */
  readonly phases: ReadonlySet<RunId>
  /** Where git has the branches that these runs were to move; null: not there. */
  readonly heads: ReadonlyMap<BranchName, CommitId | null>
}

/**
 * The release that served when the database was lost. An environment with traffic: the one that has it. Without a route
 * (no type `web`, or edges that have lost their state too) no one has written it down: of those that are there with all
 * their processes, the newest whose processes run and have never ended, else the oldest, which has been good the longest.
 * A release that waits for proof in its lane has not served; nor has one whose processes were not all made yet.
 */
function whichServed({ documents, route, lanes, services }: Traces): number | null {
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
export function whyLeftAlone({ documents, releases }: Pick<Traces, 'documents' | 'releases'>): string | null {
  const unknown = [...releases].filter(number => !documents.some(one => one.release.number === number))
  if (unknown.length === 0) return null
  return `${unknown.map(number => `v${number}`).join(', ')}: no document that can be read`
}

/** The rows of one environment. */
export function readBack(traces: Traces, now: number): RestoredEnvironment {
  const { app, environment, documents } = traces
  const config = new Map<number, ConfigVersion>(documents.map(one => [one.config.version, one.config]))
  const serving = whichServed(traces)
  return {
    app,
    environment,
    branch: branchOf(traces),
    config: [...config.values()],
    domains: traces.domains,
    runs: documents.map(one => runOf(one, fateOf(one, serving, traces), now)),
  }
}

/** The move of a push; null for every other run. */
export function moveOf({ intent }: ReleaseDocument): (RefMove & { readonly to: CommitId }) | null {
  return intent?.kind === 'commit' && intent.move ? { ...intent.move, to: intent.commit } : null
}

function branchOf({ documents, environment }: Traces): BranchName {
  const recorded = documents.findLast(one => one.branch !== null)?.branch
  return recorded ?? parseBranchName(environment === production ? 'main' : environment)
}

interface Fate {
  readonly state: RunState
  readonly reason: string
}

const source = 'read back from the cluster, for the database was lost'

/** As the law of runs would have it after a crash at this point (docs/design/run-states.md), from what can be seen. */
function fateOf(document: ReleaseDocument, serving: number | null, traces: Traces): Fate {
  const { number, run } = document.release
  if (number === serving) {
    const state = isSettled(document, traces) ? 'settled' : 'live'
    return { state, reason: `v${number} serves: ${source}` }
  }
  const wasRolledBack = traces.documents.some(one => one.release.run === automaticRollbackOf(run))
  // The branch follows a release only once it is live.
  if (wasRolledBack || (number > (serving ?? 0) && moveOf(document) && headFor(document, traces) === 'landed')) {
    return { state: 'failed-after-live', reason: `v${number} failed after going live: ${source}` }
  }
  if (number < (serving ?? 0)) return { state: 'settled', reason: `served before v${serving}: ${source}` }
  // A migration under way is carried to its own end, never started twice.
  if (traces.phases.has(run)) return { state: 'releasing', reason: `its release phase was started: ${source}` }
  return { state: 'cancelled', reason: `v${number} was not live yet: ${source}` }
}

/** Not while the release before is there, which stays warm until then, nor before the branch has followed. */
function isSettled(document: ReleaseDocument, traces: Traces): boolean {
  const head = headFor(document, traces)
  if (head === 'elsewhere') return true
  return head === 'landed' && traces.documents[0] === document
}

/** Where the run's branch is: `landed` also for a run that moves none. */
function headFor(document: ReleaseDocument, { heads }: Traces): 'landed' | 'before' | 'elsewhere' {
  const move = moveOf(document)
  if (move === null) return 'landed'
  const head = heads.get(move.branch) ?? null
  if (head === move.to) return 'landed'
  return head === move.from ? 'before' : 'elsewhere'
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
  const found: BuiltCommit = { commit: intent.commit, author, image, verdict }
  return { found, parts }
}
