import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { AppName, CommitId } from '../../core/names.ts'
import { isThere } from '../../lib/files.ts'
import { gitError, runGit, type GitCall, type GitProgram, type GitResult } from './program.ts'

/** Git's calls on the repository of an app, and the few questions that all others are made of. */
export class RepositoryCalls {
  readonly #program: GitProgram

  constructor(program: GitProgram) {
    this.#program = program
  }

  pathOf(app: AppName): string {
    return join(this.#program.root, `${app}.git`)
  }

  async exists(app: AppName): Promise<boolean> {
    return isThere(this.pathOf(app))
  }

  /** Resolves with what git said, whatever its code. Rejects `not-found` where the app has no repository. */
  async run(app: AppName, args: readonly string[], call: GitCall): Promise<GitResult> {
    const result = await runGit(this.#program, [`--git-dir=${this.pathOf(app)}`, ...args], call)
    if (result.code !== 0 && !(await this.exists(app))) throw new AppError('not-found', `${app} has no repository`)
    return result
  }

  /** As `run`; rejects with git's own words when its code is not 0. */
  async succeed(app: AppName, args: readonly string[], call: GitCall): Promise<GitResult> {
    const result = await this.run(app, args, call)
    if (result.code !== 0) throw gitError(args, result)
    return result
  }

  /** By its full name only: `rev-parse refs/heads/x` would also find a tag someone named `refs/heads/x`. */
  async ref(app: AppName, name: string, signal: AbortSignal): Promise<string | null> {
    const args = ['for-each-ref', '--format=%(objectname) %(refname)', name]
    const { stdout } = await this.succeed(app, args, { signal })
    const line = stdout
      .toString()
      .split('\n')
      .find(line => line.slice(41) === name)
    return line === undefined ? null : line.slice(0, 40)
  }

  /** What an object's name or `<commit>:<path>` is; null: nothing. */
  async lookUp(app: AppName, expression: string, signal: AbortSignal): Promise<{ id: string; type: string } | null> {
    const { stdout } = await this.succeed(app, ['cat-file', '--batch-check', '-z'], {
      signal,
      input: `${expression}\0`,
    })
    const match = /^([0-9a-f]{40}) ([a-z]+) \d+\n$/.exec(stdout.toString())
    return match ? { id: match[1]!, type: match[2]! } : null
  }

  /** Rejects `not-found`, and `invalid-input` for an object that is none. */
  async requireCommit(app: AppName, commit: CommitId, signal: AbortSignal): Promise<void> {
    const found = await this.lookUp(app, commit, signal)
    if (found?.type === 'commit') return
    if (found) throw new AppError('invalid-input', `${commit} is a ${found.type}, not a commit`)
    throw new AppError('not-found', `${app} has no commit ${commit}`)
  }
}
