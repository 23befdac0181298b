import { parseRunId, type BranchName, type CommitId, type EnvironmentKey, type RunId } from './names.ts'
import type { RunState } from './states.ts'

/** Why a run exists. All kinds travel the same way; they differ in the noun they enter with. */
export type RunIntent =
  /**
   * A push of a branch bound to the environment, or `deploy COMMIT` (then `move` is absent: no ref moves). `fresh`: steps
   * of verify that passed before are run again.
   */
  | { readonly kind: 'commit'; readonly commit: CommitId; readonly move?: RefMove; readonly fresh?: boolean }
  /** Release `to` again: its image, config and formation. */
  | { readonly kind: 'rollback'; readonly to: number; readonly releasePhase: boolean; readonly automatic: boolean }
  /** The serving image and formation with the config version `config`. */
  | { readonly kind: 'config'; readonly config: number; readonly summary: string }
  /** The serving image and config with other process counts. */
  | { readonly kind: 'scale'; readonly formation: Readonly<Record<string, number>> }
  /** Release `to` again on another cluster, from a backup: what served there serves here. */
  | { readonly kind: 'restore'; readonly to: number }

export interface RefMove {
  readonly branch: BranchName
  /** What the client saw; null when the branch is new. */
  readonly from: CommitId | null
  readonly force: boolean
}

/** One journey of a commit through the pipeline. */
export interface Run extends EnvironmentKey {
  readonly id: RunId
  readonly intent: RunIntent
  readonly state: RunState
  /** One sentence; never empty. */
  readonly reason: string
  readonly by: string
  readonly createdAt: number
  readonly changedAt: number
  /** Law: written before the release phase's container is created; past it there is no return. */
  readonly releasePhaseStarted: boolean
  /** The number of the release this run made, once it has made it. */
  readonly release: number | null
  /** Lines that explain a failure: the last log lines, the sockets listened on. */
  readonly details: readonly string[]
}

/** The run that goes back from a release that failed after going live: named by its run, so that it is made once. */
export function automaticRollbackOf(run: RunId): RunId {
  return parseRunId(`${run}r`)
}

/** No one waits for its answer at the other end of a connection: a control plane that restarts carries it on. */
export function goesOnByItself({ intent }: Run): boolean {
  return intent.kind === 'restore' || (intent.kind === 'rollback' && intent.automatic)
}
