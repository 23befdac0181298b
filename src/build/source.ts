import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { web, type AppName, type CommitId } from '../core/names.ts'
import type { Process } from '../core/release.ts'
import type { Repositories } from '../commit/repository.ts'
import { parseLadingYaml, type LadingYaml } from './lading-yaml.ts'
import { parseProcfile, type Procfile } from './procfile.ts'

export type Repository = Pick<Repositories, 'archive' | 'readFile' | 'treeOf' | 'checkTree' | 'listTree'>

/** Files of which a few lines are looked at (lock files, settings of frameworks) may be large, and are read so far. */
const lockBytes = 16 * 1024 * 1024
const detectedBytes = 256 * 1024
/** What extensions of PHP are needed stands all over it. */
const composerLockBytes = 4 * 1024 * 1024

/** Bytes of a file that is parsed whole: a larger one is refused. Null: it is only looked at. */
function boundOf(path: string): number | null {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (name === 'lading.yaml' || name === 'lading.yml') return defaults.ladingYamlBytes
  if (name === 'Procfile') return defaults.procfileBytes
  if (name === 'package.json' || name === 'composer.json') return defaults.packageJsonBytes
  if (name.endsWith('.dockerignore')) return defaults.dockerignoreBytes
  return name.includes('Dockerfile') ? defaults.dockerfileBytes : null
}

/** The files of a commit, each read when it is asked for and kept. */
export interface Files {
  /** Null: there is no such file. */
  text(path: string): Promise<string | null>
  /** Of every file. */
  paths(): Promise<ReadonlySet<string>>
}

/** What the build stage reads of a commit before it decides anything. */
export interface Source {
  readonly app: AppName
  readonly yaml: LadingYaml
  readonly procfile: Procfile | null
  readonly files: Files
}

/** A source that lies in git. */
export interface CommitSource extends Source {
  readonly commit: CommitId
  /** Git's id of the whole tree. */
  readonly tree: string
}

/** Rejects `invalid-input` for a lading.yaml or Procfile that is wrong or misnamed. */
export async function readCommit(
  repository: Repository,
  app: AppName,
  commit: CommitId,
  signal: AbortSignal,
): Promise<CommitSource> {
  const files = keepingFiles({
    text: async path => {
      const bytes = await repository.readFile(app, commit, { path, most: boundOf(path) ?? lockBytes }, signal)
      return (
        bytes
          ?.subarray(0, boundOf(path) ?? (path === 'composer.lock' ? composerLockBytes : detectedBytes))
          .toString('utf8') ?? null
      )
    },
    paths: async () => new Set((await repository.listTree(app, commit, signal)).map(entry => entry.path)),
  })
  const [tree, source] = await Promise.all([repository.treeOf(app, commit, '', signal), readSource(app, files)])
  if (tree === null) throw new AppError('not-found', `${app} has no commit ${commit}`)
  return { ...source, commit, tree }
}

/** Rejects `invalid-input` for a lading.yaml or Procfile that is wrong or misnamed. */
export async function readSource(app: AppName, files: Files): Promise<Source> {
  const [ladingYaml, ladingYml, procfile] = await Promise.all([
    files.text('lading.yaml'),
    files.text('lading.yml'),
    files.text('Procfile'),
  ])
  if (ladingYml !== null) {
    throw new AppError('invalid-input', 'lading.yml is not read: the file must be called lading.yaml', {
      hint: 'git mv lading.yml lading.yaml',
    })
  }
  return {
    app,
    yaml: parseLadingYaml(ladingYaml),
    procfile: procfile === null ? null : parseProcfile(procfile),
    files,
  }
}

/** Files of a commit in their bytes, by path; one that is not there is empty. */
export async function readFiles(
  repository: Repository,
  { app, commit }: CommitSource,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const read = (path: string) => repository.readFile(app, commit, path, signal)
  return new Map(await Promise.all(paths.map(async path => [path, (await read(path)) ?? Buffer.alloc(0)] as const)))
}

/** Asks nothing twice. */
export function keepingFiles(files: Files): Files {
  const texts = new Map<string, Promise<string | null>>()
  let paths: Promise<ReadonlySet<string>> | undefined
  return {
    text(path) {
      const text = texts.get(path) ?? files.text(path)
      texts.set(path, text)
      return text
    },
    paths: () => (paths ??= files.paths()),
  }
}

/** What runs: the Procfile, else `web` with `command`, which is null for the image's own. */
export function processesOf({ procfile }: Source, command: string | null): readonly Process[] {
  return procfile && procfile.processes.length > 0 ? procfile.processes : [{ type: web, command }]
}
