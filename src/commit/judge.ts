import { AppError } from '../core/errors.ts'
import type { AppName, CommitId } from '../core/names.ts'
import type { RefMove } from '../core/run.ts'
import type { Repositories } from './repository.ts'

/**
 * May this commit become the branch's head, judged against the branch as it is now, whatever the client saw? Resolves
 * with the present head: the `from` of the `moveBranch` that follows. A fast-forward is taken; a forced move only while
 * the branch is where the client saw it; a new branch only where no other's name is in the way. Rejects `conflict`; its
 * message is fit for `ng`.
 *
 * Asked three times: at the door (a push that cannot win must not supersede one that can), when the run's turn comes
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
