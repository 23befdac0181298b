import { AppError } from '../core/errors.ts'
import type { AppName, BranchName, CommitId, RunId } from '../core/names.ts'
import type { RefMove } from '../core/run.ts'

/** One bare git repository per app, by the real `git`. Contract suite: test/contract/repository.contract.ts. */
export interface Repositories {
  /** Creates the bare repository with our hooks and settings; no error when it is there. */
  create(app: AppName, signal: AbortSignal): Promise<void>
  remove(app: AppName, signal: AbortSignal): Promise<void>
  /** A full commit id, a unique prefix, a branch or a tag of this app; rejects `not-found`. */
  resolve(app: AppName, text: string, signal: AbortSignal): Promise<CommitId>
  /** Null when the branch does not exist. */
  branch(app: AppName, branch: BranchName, signal: AbortSignal): Promise<CommitId | null>
  /**
   * A branch that stands in the way of a new one of this name: git keeps branches as files, so that `main` and `main/x`
   * cannot both be. Null: there is none.
   */
  branchInTheWay(app: AppName, branch: BranchName, signal: AbortSignal): Promise<BranchName | null>
  isAncestor(app: AppName, older: CommitId, newer: CommitId, signal: AbortSignal): Promise<boolean>
  /**
   * Compare-and-swap: moves only if the branch still is `from`; rejects `conflict` otherwise, and when another branch is
   * in the way or git cannot write. Already at `to`: no error.
   */
  moveBranch(
    app: AppName,
    branch: BranchName,
    move: { from: CommitId | null; to: CommitId | null },
    signal: AbortSignal,
  ): Promise<void>
  /** Several moves, all or none; each under the law of `moveBranch`. */
  moveBranches(app: AppName, moves: readonly BranchMove[], signal: AbortSignal): Promise<void>
  /** `refs/lading/runs/<id>`: keeps the commit from being collected. Hidden, not pushable. */
  pin(app: AppName, run: RunId, commit: CommitId, signal: AbortSignal): Promise<void>
  unpin(app: AppName, run: RunId, signal: AbortSignal): Promise<void>
  /** The runs whose commits are pinned, in no order; none when there is no repository. */
  pins(app: AppName, signal: AbortSignal): Promise<readonly RunId[]>
  describe(app: AppName, commit: CommitId, signal: AbortSignal): Promise<CommitFacts>

  /**
   * All files of the commit as one tar, as a checkout would give them (`export-ignore` does not apply), without a
   * leading folder. A submodule is an empty folder. Nothing is started before the first `next()`; leaving the loop ends
   * git. Rejects `not-found` before the first chunk when the commit is not there.
   */
  archive(app: AppName, commit: CommitId, signal: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * The whole repository as a git bundle, with all its refs, pins too. Nothing is started before the first `next()`;
   * leaving the loop ends git. Rejects `not-found` before the first chunk when nothing was ever pushed.
   */
  bundle(app: AppName, signal: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * A file's content; null when there is no regular file at `path` (symbolic links inside the tree are followed).
   * `path` is relative to the root, with `/`. Rejects `invalid-input` for one of more than `most` bytes, and `not-found`
   * without the commit.
   */
  readFile(app: AppName, commit: CommitId, file: BoundedPath, signal: AbortSignal): Promise<Buffer | null>
  /** Git's id of the folder's tree, `''` for the root: equal ids, equal content. Null when `path` is no folder. */
  treeOf(app: AppName, commit: CommitId, path: string, signal: AbortSignal): Promise<string | null>
  /**
   * Whether the tree is within the limits of one (docs/design/limits.md), by its sizes when it is unpacked; what it learnt on
   * the way. Equal trees are walked once. Rejects `invalid-input` with the limit's name, `not-found` without the commit.
   */
  checkTree(app: AppName, commit: CommitId, signal: AbortSignal): Promise<TreeFacts>
  /** Every entry that is not a folder, in all folders, sorted as git does. Rejects as `checkTree`. */
  listTree(app: AppName, commit: CommitId, signal: AbortSignal): Promise<readonly TreeEntry[]>
}

export interface BoundedPath {
  readonly path: string
  /** Bytes. */
  readonly most: number
}

export interface TreeFacts {
  /** Files and folders. */
  readonly paths: number
  /** Of all files, unpacked. */
  readonly bytes: number
  /** Of the largest file. */
  readonly largest: number
  /** Paths of submodules, the first twenty. */
  readonly submodules: readonly string[]
}

export interface BranchMove {
  readonly branch: BranchName
  /** Null: the branch must not exist. */
  readonly from: CommitId | null
  /** Null: the branch is deleted. */
  readonly to: CommitId | null
}

export interface TreeEntry {
  /** Relative to the root, with `/`, whatever its bytes say. */
  readonly path: string
  readonly kind: 'file' | 'executable' | 'link' | 'submodule'
  /** Git's id of the blob; of a submodule, its commit. */
  readonly id: string
}

export interface CommitFacts {
  readonly commit: CommitId
  readonly tree: string
  readonly author: string
  readonly subject: string
}

/**
 * May this commit become the branch's head, judged against the branch as it is now, whatever the client saw? Resolves
 * with the present head: the `from` of the `moveBranch` that follows. A fast-forward is taken; a forced move only while
 * the branch is where the client saw it; a new branch only where no other's name is in the way. Rejects `conflict`; its
 * message is fit for `ng`.
 *
 * Asked three times: at the listener (a push that cannot win must not supersede one that can), when the run's turn comes
 * before the build, and again before the move.
 */
export async function judgeMove(
  repositories: Pick<Repositories, 'branch' | 'branchInTheWay' | 'isAncestor'>,
  intent: { readonly app: AppName; readonly commit: CommitId; readonly move: RefMove },
  signal: AbortSignal,
): Promise<CommitId | null> {
  const { app, commit, move } = intent
  const present = await repositories.branch(app, move.branch, signal)
  if (present === commit) return present
  const other = present === null ? await repositories.branchInTheWay(app, move.branch, signal) : null
  if (other !== null) {
    throw new AppError('conflict', `git cannot hold ${move.branch} beside the branch ${other}`, {
      hint: `Delete that one first (git push <remote> --delete ${other}), or choose another name.`,
    })
  }
  if (move.force) {
    if (present === move.from) return present
  } else {
    if (present === null) return present
    if (await repositories.isAncestor(app, present, commit, signal)) return present
  }
  const where = present === null ? 'was deleted' : `is at ${present.slice(0, 7)} by now`
  throw new AppError('conflict', 'fetch first', {
    hint: `${move.branch} ${where}: git fetch, rebase or merge, and push again.`,
  })
}
