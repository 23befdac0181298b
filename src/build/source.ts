import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { web, type AppName, type CommitId } from '../core/names.ts'
import type { Process } from '../core/release.ts'
import type { Repositories } from '../commit/repository.ts'
import { hash } from './build-key.ts'
import { below, type Files, glance, keepingFiles, whole } from './files.ts'
import { parseLadingYaml, type LadingYaml } from './lading-yaml.ts'
import { parseProcfile, type Procfile } from './procfile.ts'

export type Repository = Pick<Repositories, 'archive' | 'readFile' | 'treeOf' | 'checkTree' | 'listTree'>

/** The largest file that is read at all, be it for a few lines of it (bytes). */
const mostBytes = 16 * 1024 * 1024

/** What the build stage reads of a commit before it decides anything. */
export interface Source {
  readonly app: AppName
  readonly yaml: LadingYaml
  readonly procfile: Procfile | null
  /** Of the folder that `root:` of lading.yaml names for this app. */
  readonly files: Files
  /** That folder; `''`: the repository's own. */
  readonly folder: string
}

/** A source that lies in git. */
export interface CommitSource extends Source {
  readonly commit: CommitId
  /** Names all that the image is made of: git's id of the tree; of a folder, of it and of lading.yaml, which is not in it. */
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
    text: async (path, { bytes, larger }) => {
      const most = larger === 'refused' ? bytes : mostBytes
      const content = await repository.readFile(app, commit, { path, most }, signal)
      return content?.subarray(0, bytes).toString('utf8') ?? null
    },
    paths: async () => new Set((await repository.listTree(app, commit, signal)).map(entry => entry.path)),
  })
  const source = await readSource(app, files)
  const tree = await repository.treeOf(app, commit, source.folder, signal)
  if (tree === null && source.folder !== '') throw noFolder(source.folder)
  if (tree === null) throw new AppError('not-found', `${app} has no commit ${commit}`)
  const said = source.folder === '' ? null : await files.text('lading.yaml', whole(defaults.ladingYamlBytes))
  return { ...source, commit, tree: said === null ? tree : `${tree} ${hash(said)}` }
}

/** Rejects `invalid-input` for a lading.yaml or Procfile that is wrong or misnamed. */
export async function readSource(app: AppName, files: Files): Promise<Source> {
  const [ladingYaml, ladingYml] = await Promise.all([
    files.text('lading.yaml', whole(defaults.ladingYamlBytes)),
    files.text('lading.yml', glance),
  ])
  if (ladingYml !== null) {
    throw new AppError('invalid-input', 'lading.yml is not read: the file must be called lading.yaml', {
      hint: 'git mv lading.yml lading.yaml',
    })
  }
  const yaml = parseLadingYaml(ladingYaml)
  const folder = rootOf(yaml, app)
  const own = folder === '' ? files : below(files, folder)
  if (folder !== '' && (await own.paths()).size === 0) throw noFolder(folder)
  const procfile = await own.text('Procfile', whole(defaults.procfileBytes))
  return { app, yaml, procfile: procfile === null ? null : parseProcfile(procfile), files: own, folder }
}

function rootOf({ root }: LadingYaml, app: AppName): string {
  return typeof root === 'string' ? root : Object.hasOwn(root, app) ? root[app]! : ''
}

function noFolder(folder: string): AppError {
  return new AppError('invalid-input', `lading.yaml: root: there is no folder ${folder} in this commit`, {
    hint: 'It is a path from the root of the repository, such as "root: server".',
  })
}

/** Files of a commit in their bytes, by path; one that is not there is empty. */
export async function readFiles(
  repository: Repository,
  { app, commit, folder }: CommitSource,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const read = (path: string) =>
    repository.readFile(app, commit, { path: folder === '' ? path : `${folder}/${path}`, most: mostBytes }, signal)
  return new Map(await Promise.all(paths.map(async path => [path, (await read(path)) ?? Buffer.alloc(0)] as const)))
}

/** What runs: the Procfile, else `web` with `command`, which is null for the image's own. */
export function processesOf({ procfile }: Source, command: string | null): readonly Process[] {
  return procfile && procfile.processes.length > 0 ? procfile.processes : [{ type: web, command }]
}
