import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { AppName } from '../../core/names.ts'
import { gitError, runGit, type GitProgram } from './program.ts'

/**
 * Every ref of the repository, hidden ones too, with its whole history, as one file that git itself reads (git-bundle(1)).
 * False: it has no commit yet, and git makes no empty bundle. Rejects `not-found` when there is no repository.
 */
export async function bundleRepository(
  program: GitProgram,
  app: AppName,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const repository = `--git-dir=${pathOf(program, app)}`
  const any = await runGit(program, [repository, 'for-each-ref', '--count=1'], { signal })
  if (any.code !== 0) throw gitError(['for-each-ref'], any)
  if (any.stdout.length === 0) return false
  const args = [repository, 'bundle', 'create', '--quiet', path, '--all']
  const made = await runGit(program, args, { signal })
  if (made.code !== 0) throw gitError(args, made)
  return true
}

/** All that is in a bundle, into a repository that is there; refs that it does not name stay. */
export async function fetchBundle(program: GitProgram, app: AppName, path: string, signal: AbortSignal): Promise<void> {
  const args = [
    `--git-dir=${pathOf(program, app)}`,
    'fetch',
    '--quiet',
    '--no-write-fetch-head',
    path,
    '+refs/*:refs/*',
  ]
  const done = await runGit(program, args, { signal })
  if (done.code !== 0) throw gitError(args, done)
}

/** Rejects `invalid-input` when an object is missing that a ref needs. */
export async function checkRepository(program: GitProgram, app: AppName, signal: AbortSignal): Promise<void> {
  const args = [`--git-dir=${pathOf(program, app)}`, 'fsck', '--connectivity-only', '--no-dangling', '--no-progress']
  const done = await runGit(program, args, { signal })
  if (done.code === 0) return
  throw new AppError('invalid-input', `the repository of ${app} is not whole`, {
    details: done.stderr.trim().split('\n').slice(0, 10),
  })
}

function pathOf(program: GitProgram, app: AppName): string {
  return join(program.root, `${app}.git`)
}
