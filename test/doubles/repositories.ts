import { createHash } from 'node:crypto'
import { AppError } from '../../src/core/errors.ts'
import {
  parseBranchName,
  parseCommitId,
  parseRunId,
  type AppName,
  type BranchName,
  type CommitId,
  type RunId,
} from '../../src/core/names.ts'
import { tar } from './tar.ts'
import type {
  BoundedPath,
  CommitFolder,
  BranchMove,
  CommitFacts,
  Repositories,
  TreeEntry,
  TreeFacts,
} from '../../src/commit/repository.ts'

interface FakeCommit {
  readonly facts: CommitFacts
  readonly parents: readonly CommitId[]
  readonly files: ReadonlyMap<string, string>
}

interface FakeRepository {
  readonly commits: Map<CommitId, FakeCommit>
  /** Full names. */
  readonly refs: Map<string, CommitId>
}

const pinned = 'refs/lading/runs/'

/** Repositories in memory, for the simulation: the same calls give the same ids, and nothing waits. */
export class FakeRepositories implements Repositories {
  readonly #repositories = new Map<AppName, FakeRepository>()

  /** Stores a commit as a push would, before any ref moves. */
  addCommit(
    app: AppName,
    commit: {
      files: Readonly<Record<string, string>>
      parents?: readonly CommitId[]
      subject?: string
      author?: string
    },
  ): CommitId {
    const { parents = [], subject = 'A commit', author = 'Ada <ada@example.com>' } = commit
    const files = new Map(Object.entries(commit.files).sort(([a], [b]) => (a < b ? -1 : 1)))
    const tree = hash([...files].flat())
    const id = parseCommitId(hash([tree, author, subject, ...parents]))
    this.#get(app).commits.set(id, { facts: { commit: id, tree, author, subject }, parents, files })
    return id
  }

  addTag(app: AppName, tag: string, commit: CommitId): void {
    this.#get(app).refs.set(`refs/tags/${tag}`, commit)
  }

  /** Full names of all refs, with their commits, sorted: for the simulation's "no orphan of any kind". */
  refs(app: AppName): readonly (readonly [name: string, commit: CommitId])[] {
    return [...(this.#repositories.get(app)?.refs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  async create(app: AppName, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.#repositories.has(app)) this.#repositories.set(app, { commits: new Map(), refs: new Map() })
  }

  async remove(app: AppName, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#repositories.delete(app)
  }

  async resolve(app: AppName, text: string, signal: AbortSignal): Promise<CommitId> {
    signal.throwIfAborted()
    const { commits, refs } = this.#get(app)
    const named = refs.get(`refs/heads/${text}`) ?? refs.get(`refs/tags/${text}`)
    if (named) return named
    const matches = /^[0-9a-f]{4,40}$/.test(text) ? [...commits.keys()].filter(id => id.startsWith(text)) : []
    if (matches.length === 1) return matches[0]!
    throw new AppError('not-found', `${app} has no commit, branch or tag ${JSON.stringify(text)}`, {
      hint: 'Push it first, or look at "git log".',
    })
  }

  async branch(app: AppName, branch: BranchName, signal: AbortSignal): Promise<CommitId | null> {
    signal.throwIfAborted()
    return this.#get(app).refs.get(`refs/heads/${branch}`) ?? null
  }

  async branchInTheWay(app: AppName, branch: BranchName, signal: AbortSignal): Promise<BranchName | null> {
    signal.throwIfAborted()
    return this.#inTheWay(this.#get(app), branch)
  }

  #inTheWay({ refs }: FakeRepository, branch: BranchName): BranchName | null {
    const branches = [...refs.keys()].filter(name => name.startsWith('refs/heads/')).map(name => name.slice(11))
    const found = branches.find(name => name.startsWith(`${branch}/`) || branch.startsWith(`${name}/`))
    return found === undefined ? null : parseBranchName(found)
  }

  async isAncestor(app: AppName, older: CommitId, newer: CommitId, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    this.#commit(app, older)
    const [waiting, seen] = [[newer], new Set<CommitId>()]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (id === older) return true
      if (!seen.has(id)) waiting.push(...this.#commit(app, id).parents)
      seen.add(id)
    }
    return false
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
    signal.throwIfAborted()
    const repository = this.#get(app)
    const { refs } = repository
    for (const { branch, from, to } of moves) {
      const present = refs.get(`refs/heads/${branch}`) ?? null
      if (present === to) continue
      if (present !== from)
        throw new AppError('conflict', `${branch} moved meanwhile: it is at ${present ?? 'nothing'}`)
      if (to !== null) this.#commit(app, to)
      const other = present === null ? this.#inTheWay(repository, branch) : null
      if (other !== null) throw new AppError('conflict', `git did not move the branch: ${other} is in the way`)
    }
    for (const { branch, to } of moves) {
      if (to === null) refs.delete(`refs/heads/${branch}`)
      else refs.set(`refs/heads/${branch}`, to)
    }
  }

  async pin(app: AppName, run: RunId, commit: CommitId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#commit(app, commit)
    this.#get(app).refs.set(`refs/lading/runs/${run}`, commit)
  }

  async unpin(app: AppName, run: RunId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#get(app).refs.delete(`refs/lading/runs/${run}`)
  }

  async pins(app: AppName, signal: AbortSignal): Promise<readonly RunId[]> {
    signal.throwIfAborted()
    const names = [...(this.#repositories.get(app)?.refs.keys() ?? [])].filter(name => name.startsWith(pinned))
    return names.map(name => parseRunId(name.slice(pinned.length)))
  }

  async describe(app: AppName, commit: CommitId, signal: AbortSignal): Promise<CommitFacts> {
    signal.throwIfAborted()
    return this.#commit(app, commit).facts
  }

  async *archive(app: AppName, { commit, folder }: CommitFolder, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted()
    const under = folder === '' ? '' : `${folder}/`
    const files = [...this.#commit(app, commit).files].filter(([path]) => path.startsWith(under))
    if (folder !== '' && files.length === 0) throw new AppError('not-found', `${app} has no folder ${folder}`)
    yield tar(new Map(files.map(([path, content]) => [path.slice(under.length), content])))
  }

  async *bundle(app: AppName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted()
    const { refs } = this.#get(app)
    if (refs.size === 0) throw new AppError('not-found', `nothing was ever pushed to ${app}`)
    yield Buffer.from(`# v2 git bundle\n${[...refs].map(([name, commit]) => `${commit} ${name}\n`).join('')}\n`)
  }

  async readFile(
    app: AppName,
    commit: CommitId,
    { path, most }: BoundedPath,
    signal: AbortSignal,
  ): Promise<Buffer | null> {
    signal.throwIfAborted()
    const text = this.#commit(app, commit).files.get(path)
    const content = text === undefined ? null : Buffer.from(text)
    if (content && content.length > most) throw new AppError('invalid-input', `${path} is larger than ${most} bytes`)
    return content
  }

  async treeOf(app: AppName, commit: CommitId, path: string, signal: AbortSignal): Promise<string | null> {
    signal.throwIfAborted()
    const { files, facts } = this.#commit(app, commit)
    if (path === '') return facts.tree
    const inside = [...files].filter(([name]) => name.startsWith(`${path}/`))
    return inside.length === 0 ? null : hash(inside.flatMap(([name, text]) => [name.slice(path.length + 1), text]))
  }

  async checkTree(app: AppName, commit: CommitId, signal: AbortSignal): Promise<TreeFacts> {
    signal.throwIfAborted()
    const sizes = [...this.#commit(app, commit).files.values()].map(text => Buffer.byteLength(text))
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    return { paths: sizes.length, bytes, largest: Math.max(0, ...sizes), submodules: [] }
  }

  async listTree(app: AppName, commit: CommitId, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    signal.throwIfAborted()
    return [...this.#commit(app, commit).files].map(([path, text]) => ({ path, kind: 'file', id: hash([text]) }))
  }

  #get(app: AppName): FakeRepository {
    const found = this.#repositories.get(app)
    if (!found) throw new AppError('not-found', `${app} has no repository`)
    return found
  }

  #commit(app: AppName, id: CommitId): FakeCommit {
    const found = this.#get(app).commits.get(id)
    if (!found) throw new AppError('not-found', `${app} has no commit ${id}`)
    return found
  }
}

function hash(parts: readonly string[]): string {
  return createHash('sha1').update(JSON.stringify(parts)).digest('hex')
}
