import type { AppName, BranchName, CommitId, RunId } from '../core/names.ts'

/** One bare git repository per app, by the real `git`. Contract suite: test/contract/repository.contract.ts. */
export interface Repositories {
  /** Creates the bare repository with our hooks and settings; no error when it is there. */
  create(app: AppName, signal: AbortSignal): Promise<void>
  remove(app: AppName, signal: AbortSignal): Promise<void>
  /** A full commit id, a unique prefix, a branch or a tag of this app; rejects `not-found`. */
  resolve(app: AppName, text: string, signal: AbortSignal): Promise<CommitId>
  /** Null when the branch does not exist. */
  branch(app: AppName, branch: BranchName, signal: AbortSignal): Promise<CommitId | null>
  isAncestor(app: AppName, older: CommitId, newer: CommitId, signal: AbortSignal): Promise<boolean>
  /** Compare-and-swap: moves only if the branch still is `from`; rejects `conflict` otherwise. Already at `to`: no error. */
  moveBranch(
    app: AppName,
    branch: BranchName,
    move: { from: CommitId | null; to: CommitId | null },
    signal: AbortSignal,
  ): Promise<void>
  /** `refs/lading/runs/<id>`: keeps the commit from being collected. Hidden, not pushable. */
  pin(app: AppName, run: RunId, commit: CommitId, signal: AbortSignal): Promise<void>
  unpin(app: AppName, run: RunId, signal: AbortSignal): Promise<void>
  describe(app: AppName, commit: CommitId, signal: AbortSignal): Promise<CommitFacts>
}

export interface CommitFacts {
  readonly commit: CommitId
  readonly tree: string
  readonly author: string
  readonly subject: string
}
