import type { RunId } from './names.ts'

/** What `verify:` of lading.yaml asks for, ready to run: one entry for each value of a matrix. */
export interface VerifyPlan {
  /** Run once, before the first step; null: nothing. */
  readonly setup: string | null
  readonly steps: readonly PlannedStep[]
}

export interface PlannedStep {
  /** `unit`, or of a matrix `unit (SHARD=1)`: unique in the plan. */
  readonly name: string
  /** Given to `sh -c` in the step's own container. */
  readonly run: string
  /** Names of steps of the plan; there is no cycle. */
  readonly needs: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly timeoutSeconds: number
  /** Its failure is said, and refuses nothing. */
  readonly mayFail: boolean
  /** Further attempts after a failure. */
  readonly retries: number
  /** A file in the container, JUnit or TAP; `-`: TAP in the output; null: exit code alone. */
  readonly reports: string | null
}

/** The step of a run (`saveStep`) that keeps its verdict, also when it refused the release. */
export const verdictStep = 'verdict'

/** What begins the names of all that verifying makes in the cluster for a run; its network is called just that. */
export function verifyName(run: RunId): string {
  return `l-verify-${run}`
}
