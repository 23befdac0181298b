import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { formatAmount, type Limits } from '../../core/limits.ts'
import type { AppName, CommitId } from '../../core/names.ts'
import { gitError, runGit, streamGit } from '../git/program.ts'
import type { GitRepositories } from '../git/repositories.ts'
import { requireUnambiguous } from './ref-names.ts'

/** What a push has brought, before anybody has accepted it: git keeps it apart and takes it away when we refuse. */
export interface Arrival {
  readonly app: AppName
  /** Name of the folder in the repository's `objects`; null: nothing came, as when a branch is deleted. */
  readonly quarantine: string | null
  readonly refs: readonly { readonly ref: string; readonly to: CommitId | null }[]
}

export interface InspectDeps {
  readonly repositories: GitRepositories
  readonly limits: () => Pick<Limits, 'pushBytes' | 'fileBytes' | 'treePaths' | 'repositoryBytes' | 'pushFreeBytes'>
  /** Free on the disk of the repositories (bytes). */
  readonly freeBytes: () => Promise<number>
}

/** Paths walked for one push, in trees; the branches of a push of a whole history beyond it are checked at their deploy. */
const walkedTrees = 5

/**
 * Whether what a push becomes is within the limits (docs/design/limits.md): names of refs, each object as it is unpacked, the
 * repository and the disk with it, the trees of its branches. Rejects with the reason; nothing of the push is kept then.
 */
export async function inspect(arrival: Arrival, deps: InspectDeps, signal: AbortSignal): Promise<void> {
  const { app, quarantine, refs } = arrival
  const { repositories } = deps
  if (refs.length > defaults.refsOfPush) {
    throw new AppError('invalid-input', `a push moves ${defaults.refsOfPush} branches and tags at most`, {
      hint: 'Push some of them at a time.',
    })
  }
  const made = refs.flatMap(({ ref, to }) => (to === null ? [] : [{ ref, to }]))
  const removed = new Set(refs.filter(({ to }) => to === null).map(({ ref }) => ref))
  const present = (await repositories.refNames(app, signal)).filter(ref => !removed.has(ref))
  requireUnambiguous(
    made.map(({ ref }) => ref),
    new Set(present),
  )
  if (quarantine === null) return
  await requireRoom(app, quarantine, deps, signal)
  await requireSmallObjects(app, quarantine, deps, signal)
  await requireSmallTrees(arrival, deps, signal)
}

/** The largest pack that the limits, the repository and the disk leave room for; it may be nothing. */
export async function roomFor(app: AppName, { repositories, limits, freeBytes }: InspectDeps, signal: AbortSignal) {
  const [size, free] = await Promise.all([sizeOf(repositories, app, signal), freeBytes()])
  const { repositoryBytes, pushFreeBytes } = limits()
  return { inRepository: repositoryBytes - size, onDisk: free - pushFreeBytes }
}

async function requireRoom(app: AppName, quarantine: string, deps: InspectDeps, signal: AbortSignal): Promise<void> {
  const { repositoryBytes, pushFreeBytes } = deps.limits()
  const { inRepository, onDisk } = await roomFor(app, deps, signal)
  // On the disk it is already.
  if (onDisk < 0) {
    const what = `the disk would have less than ${formatAmount(pushFreeBytes, 'bytes')} free (pushFreeBytes)`
    throw new AppError('no-room', what, {
      hint: 'The operator finds out what fills it: "lading doctor" on the server.',
    })
  }
  const came = await bytesIn(join(deps.repositories.objectsOf(app), quarantine))
  if (came <= inRepository) return
  const what = `the repository would be larger than ${formatAmount(repositoryBytes, 'bytes')} (repositoryBytes)`
  throw new AppError('invalid-input', what, {
    hint: 'Keep large files out of git; the operator may raise it: "lading limits".',
  })
}

/** Of what came alone: the pack holds all it needs. */
async function requireSmallObjects(
  app: AppName,
  quarantine: string,
  { repositories, limits }: InspectDeps,
  signal: AbortSignal,
): Promise<void> {
  const { fileBytes } = limits()
  const { program } = repositories.withQuarantine(app, quarantine)
  const alone = { root: program.root, environment: { ...program.environment, GIT_ALTERNATE_OBJECT_DIRECTORIES: '' } }
  const format = '--batch-check=%(objecttype) %(objectsize)'
  const args = [`--git-dir=${repositories.pathOf(app)}`, 'cat-file', '--batch-all-objects', '--unordered', format]
  let rest = ''
  for await (const chunk of streamGit(alone, args, signal)) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [type = '', text = ''] = line.split(' ')
      const [most, name] =
        type === 'blob' ? [fileBytes, 'fileBytes'] : ([defaults.gitObjectBytes, 'gitObjectBytes'] as const)
      if (Number(text) <= most) continue
      const what = type === 'blob' ? 'file' : type === 'tree' ? 'folder' : type
      throw new AppError('invalid-input', `a ${what} is larger than ${formatAmount(most, 'bytes')} (${name})`, {
        hint: 'It counts in the history too: take it out of every commit that is pushed.',
      })
    }
  }
}

async function requireSmallTrees({ app, quarantine, refs }: Arrival, deps: InspectDeps, signal: AbortSignal) {
  const repositories = deps.repositories.withQuarantine(app, quarantine!)
  let left = walkedTrees * deps.limits().treePaths
  for (const { ref, to } of refs) {
    if (to === null || left <= 0 || !ref.startsWith('refs/heads/')) continue
    try {
      left -= (await repositories.checkTree(app, to, signal)).paths
    } catch (error) {
      // No commit: the policy of the push refuses it by its own words.
      if (!(error instanceof AppError && error.code === 'not-found')) throw error
    }
  }
}

/** Bytes on the disk, as git counts them. */
async function sizeOf(repositories: GitRepositories, app: AppName, signal: AbortSignal): Promise<number> {
  const args = [`--git-dir=${repositories.pathOf(app)}`, 'count-objects', '-v']
  const result = await runGit(repositories.program, args, { signal })
  if (result.code !== 0) throw gitError(args, result)
  const fields = new Map(
    result.stdout
      .toString()
      .split('\n')
      .map(line => line.split(': ') as [string, string]),
  )
  const kibibytes = (name: string) => Number(fields.get(name) ?? 0)
  return 1024 * (kibibytes('size') + kibibytes('size-pack') + kibibytes('size-garbage'))
}

async function bytesIn(folder: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size
  }
  return sum
}
