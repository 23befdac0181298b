import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shortened } from '../../core/bounds.ts'
import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { defaultLimits } from '../../core/limits.ts'
import {
  parseBranchName,
  parseCommitId,
  type AppName,
  type BranchName,
  type CommitId,
  type RunId,
  parseRunId,
} from '../../core/names.ts'
import { RepositoryCalls } from './calls.ts'
import { gitError, runGit, streamGit, type GitProgram } from './program.ts'
import { removeStaleLocks } from './stale-locks.ts'
import { requireWithin, walkTree, type TreeLimits } from './tree.ts'
import type { BoundedPath, BranchMove, CommitFacts, Repositories, TreeEntry, TreeFacts } from '../repository.ts'

const zero = '0'.repeat(40)
/** Facts of so many trees are kept; a push asks for its own several times. */
const knownTrees = 200

/** Repositories by the real git. User strings reach it through stdin (`cat-file`, `update-ref`), never as arguments. */
export class GitRepositories implements Repositories {
  readonly program: GitProgram
  readonly #calls: RepositoryCalls
  readonly #limits: () => TreeLimits
  /** Of trees that were walked to their end, by their id. */
  readonly #known: Map<string, TreeFacts>

  constructor(
    program: GitProgram,
    limits: () => TreeLimits = () => defaultLimits,
    known: Map<string, TreeFacts> = new Map(),
  ) {
    this.program = program
    this.#calls = new RepositoryCalls(program)
    this.#limits = limits
    this.#known = known
  }

  /** The same repositories, with objects that a push has brought and that no one has accepted yet. */
  withQuarantine(app: AppName, folder: string): GitRepositories {
    const objects = this.objectsOf(app)
    const own = { GIT_OBJECT_DIRECTORY: join(objects, folder), GIT_ALTERNATE_OBJECT_DIRECTORIES: objects }
    const environment = { ...this.program.environment, ...own }
    return new GitRepositories({ root: this.program.root, environment }, this.#limits, this.#known)
  }

  async create(app: AppName, signal: AbortSignal): Promise<void> {
    const path = this.#calls.pathOf(app)
    await mkdir(this.program.root, { recursive: true })
    // `init` on what is there changes nothing, so a create that was killed half-way is simply done again.
    const args = [
      'init',
      '--quiet',
      '--bare',
      '--template=',
      '--initial-branch=main',
      '--object-format=sha1',
      '--',
      path,
    ]
    const result = await runGit(this.program, args, { signal })
    if (result.code !== 0) throw gitError(args, result)
    await mkdir(join(path, 'info'), { recursive: true })
    // Highest precedence: a commit's own attributes cannot keep files out of the build that a checkout would give.
    await writeFile(join(path, 'info', 'attributes'), '* -export-ignore -export-subst\n')
  }

  async remove(app: AppName, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const rest = `${this.#calls.pathOf(app)}.removed`
    // One rename takes it away from every reader; a removal killed half-way leaves only `rest`, taken by the next one.
    await rm(rest, { recursive: true, force: true })
    if (!(await this.#calls.exists(app))) return
    await rename(this.#calls.pathOf(app), rest)
    await rm(rest, { recursive: true, force: true })
  }

  async resolve(app: AppName, text: string, signal: AbortSignal): Promise<CommitId> {
    const isName = /^[A-Za-z0-9_][A-Za-z0-9._/@+-]{0,199}$/.test(text) && !text.includes('..') && !text.includes('@{')
    if (isName) {
      const isId = /^[0-9a-f]{4,40}$/.test(text)
      const start =
        (await this.#calls.ref(app, `refs/heads/${text}`, signal)) ??
        (await this.#calls.ref(app, `refs/tags/${text}`, signal)) ??
        (isId ? text : null)
      const found = start && (await this.#calls.lookUp(app, `${start}^{commit}`, signal))
      if (found) return parseCommitId(found.id)
    }
    throw new AppError('not-found', `${app} has no commit, branch or tag ${JSON.stringify(text)}`, {
      hint: 'Push it first, or look at "git log".',
    })
  }

  async branch(app: AppName, branch: BranchName, signal: AbortSignal): Promise<CommitId | null> {
    const id = await this.#calls.ref(app, `refs/heads/${branch}`, signal)
    return id === null ? null : parseCommitId(id)
  }

  async branchInTheWay(app: AppName, branch: BranchName, signal: AbortSignal): Promise<BranchName | null> {
    const name = `refs/heads/${branch}`
    const folders = foldersOf(branch).map(folder => `refs/heads/${folder}`)
    const args = ['for-each-ref', '--format=%(refname)', `${name}/`, ...folders]
    const { stdout } = await this.#calls.succeed(app, args, { signal })
    const found = stdout
      .toString()
      .split('\n')
      .find(line => line.startsWith(`${name}/`) || folders.includes(line))
    return found === undefined ? null : parseBranchName(found.slice('refs/heads/'.length))
  }

  /** Only while nothing else writes: under the lease, before any listener is open. */
  removeStaleLocks(): Promise<void> {
    return removeStaleLocks(this.program.root)
  }

  async isAncestor(app: AppName, older: CommitId, newer: CommitId, signal: AbortSignal): Promise<boolean> {
    const args = ['merge-base', '--is-ancestor', older, newer]
    const result = await this.#calls.run(app, args, { signal })
    if (result.code === 0 || result.code === 1) return result.code === 0
    await this.#calls.requireCommit(app, older, signal)
    await this.#calls.requireCommit(app, newer, signal)
    throw gitError(args, result)
  }

  async moveBranch(
    app: AppName,
    branch: BranchName,
    move: { from: CommitId | null; to: CommitId | null },
    signal: AbortSignal,
  ): Promise<void> {
    await this.moveBranches(app, [{ branch, ...move }], signal)
  }

  async moveBranches(app: AppName, moves: readonly BranchMove[], signal: AbortSignal): Promise<void> {
    const open: BranchMove[] = []
    for (const move of moves) if ((await this.branch(app, move.branch, signal)) !== move.to) open.push(move)
    if (open.length === 0) return
    const lines = open.map(({ branch, from, to }) =>
      to === null ? `delete refs/heads/${branch} ${from ?? zero}` : `update refs/heads/${branch} ${to} ${from ?? zero}`,
    )
    const args = ['update-ref', '--stdin']
    const result = await this.#calls.run(app, args, { signal, input: `start\n${lines.join('\n')}\ncommit\n` })
    if (result.code === 0) return
    // Why it failed is read from the refs, not from git's prose.
    for (const { branch, from, to } of open) {
      const present = await this.branch(app, branch, signal)
      if (present !== from && present !== to) {
        throw new AppError('conflict', `${branch} moved meanwhile: it is at ${present ?? 'nothing'}`)
      }
      if (to !== null) await this.#calls.requireCommit(app, to, signal)
    }
    throw new AppError('conflict', `git did not move the branch: ${reasonIn(result.stderr)}`, {
      hint: 'A branch cannot be named like a folder of another branch.',
    })
  }

  async pin(app: AppName, run: RunId, commit: CommitId, signal: AbortSignal): Promise<void> {
    await this.#calls.requireCommit(app, commit, signal)
    await this.#calls.succeed(app, ['update-ref', '--stdin'], {
      signal,
      input: `update refs/lading/runs/${run} ${commit}\n`,
    })
  }

  async unpin(app: AppName, run: RunId, signal: AbortSignal): Promise<void> {
    await this.#calls.succeed(app, ['update-ref', '--stdin'], { signal, input: `delete refs/lading/runs/${run}\n` })
  }

  async pins(app: AppName, signal: AbortSignal): Promise<readonly RunId[]> {
    if (!(await this.#calls.exists(app))) return []
    const args = ['for-each-ref', '--format=%(refname)', 'refs/lading/runs/']
    const { stdout } = await this.#calls.succeed(app, args, { signal })
    const names = stdout.toString().split('\n').filter(Boolean)
    return names.map(name => parseRunId(name.slice('refs/lading/runs/'.length)))
  }

  async describe(app: AppName, commit: CommitId, signal: AbortSignal): Promise<CommitFacts> {
    const args = ['log', '-1', '--no-show-signature', '--format=%H%x00%T%x00%an <%ae>%x00%s', commit, '--']
    const result = await this.#calls.run(app, args, { signal, limit: 2 * defaults.gitObjectBytes })
    const [id, tree = '', author = '', subject = ''] = result.stdout.toString().trimEnd().split('\0')
    // The id of a tag object gives the commit it points to.
    if (result.code !== 0 || id !== commit) await this.#calls.requireCommit(app, commit, signal)
    if (result.code !== 0) throw gitError(args, result)
    return { commit, tree, author: shortened(author), subject: shortened(subject, 1000) }
  }

  async *archive(app: AppName, commit: CommitId, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await this.#calls.requireCommit(app, commit, signal)
    yield* streamGit(this.program, [`--git-dir=${this.#calls.pathOf(app)}`, 'archive', '--format=tar', commit], signal)
  }

  async *bundle(app: AppName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if ((await this.#calls.succeed(app, ['for-each-ref', '--count=1'], { signal })).stdout.length === 0) {
      throw new AppError('not-found', `nothing was ever pushed to ${app}`)
    }
    const args = [`--git-dir=${this.#calls.pathOf(app)}`, 'bundle', 'create', '--quiet', '-', '--all']
    yield* streamGit(this.program, args, signal)
  }

  async readFile(
    app: AppName,
    commit: CommitId,
    { path, most }: BoundedPath,
    signal: AbortSignal,
  ): Promise<Buffer | null> {
    const args = ['cat-file', '--batch', '-z', '--follow-symlinks']
    const input = isPath(path) ? `${commit}:${path}\0` : ''
    const tooLarge = `${path} is larger than ${most} bytes`
    const { stdout } = await this.#calls.succeed(app, args, { signal, input, limit: most + 100, tooLarge })
    const head = /^[0-9a-f]{40} blob (\d+)\n/.exec(stdout.toString('latin1', 0, 100))
    if (head && Number(head[1]) > most) throw new AppError('invalid-input', tooLarge)
    if (head) return stdout.subarray(head[0].length, head[0].length + Number(head[1]))
    await this.#calls.requireCommit(app, commit, signal)
    return null
  }

  async treeOf(app: AppName, commit: CommitId, path: string, signal: AbortSignal): Promise<string | null> {
    const expression = path === '' ? `${commit}^{tree}` : isPath(path) ? `${commit}:${path}` : null
    const found = expression && (await this.#calls.lookUp(app, expression, signal))
    if (!found) await this.#calls.requireCommit(app, commit, signal)
    return found && found.type === 'tree' ? found.id : null
  }

  async checkTree(app: AppName, commit: CommitId, signal: AbortSignal): Promise<TreeFacts> {
    const tree = await this.treeOf(app, commit, '', signal)
    if (tree === null) throw new AppError('not-found', `${app} has no commit ${commit}`)
    const known = this.#known.get(tree)
    if (known) return (requireWithin(known, this.#limits()), known)
    let facts: TreeFacts = { paths: 0, bytes: 0, largest: 0, submodules: [] }
    for await (const step of this.#walk(app, tree, signal)) facts = step.facts
    this.#known.set(tree, facts)
    for (const [oldest] of this.#known) if (this.#known.size > knownTrees) this.#known.delete(oldest)
    return facts
  }

  async listTree(app: AppName, commit: CommitId, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    await this.#calls.requireCommit(app, commit, signal)
    const entries: TreeEntry[] = []
    for await (const { entry } of this.#walk(app, commit, signal)) if (entry) entries.push(entry)
    return entries
  }

  #walk(app: AppName, treeish: string, signal: AbortSignal) {
    return walkTree({ program: this.program, gitDir: this.#calls.pathOf(app), treeish, limits: this.#limits() }, signal)
  }

  /** Full names of all branches and tags. */
  async refNames(app: AppName, signal: AbortSignal): Promise<readonly string[]> {
    const args = ['for-each-ref', '--format=%(refname)', 'refs/heads/', 'refs/tags/']
    return (await this.#calls.succeed(app, args, { signal })).stdout.toString().split('\n').filter(Boolean)
  }

  pathOf(app: AppName): string {
    return this.#calls.pathOf(app)
  }

  objectsOf(app: AppName): string {
    return join(this.#calls.pathOf(app), 'objects')
  }
}

/** What follows git's `fatal: ` is the reason; further lines say what one could do on the server. */
function reasonIn(stderr: string): string {
  const [, reason] = /^(?:fatal|error): (.*)$/m.exec(stderr) ?? []
  return reason ?? stderr.trim()
}

/** `a/b/c` → `a`, `a/b` */
function foldersOf(branch: BranchName): readonly string[] {
  const parts = branch.split('/')
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'))
}

/** A path of a tree. Git reads `./x`, and names with NUL, as something else. */
function isPath(path: string): boolean {
  return !path.includes('\0') && path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}
