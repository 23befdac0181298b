import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { web, type AppName, type CommitId } from '../core/names.ts'
import type { Process } from '../core/release.ts'
import type { Repositories } from '../commit/repository.ts'
import { parseLadingYaml, type LadingYaml } from './lading-yaml.ts'
import { parseProcfile, type Procfile } from './procfile.ts'

export type Repository = Pick<Repositories, 'archive' | 'readFile' | 'treeOf' | 'checkTree' | 'listTree'>

/** Of which a few lines are read. */
const lockBytes = 16 * 1024 * 1024

/** What the build stage reads of a commit before it decides anything. */
export interface Source {
  readonly app: AppName
  readonly commit: CommitId
  /** Git's id of the whole tree. */
  readonly tree: string
  readonly yaml: LadingYaml
  readonly procfile: Procfile | null
  readonly dockerfile: { readonly path: string; readonly text: string; readonly ignore: string | null } | null
  readonly packageJson: string | null
  readonly yarnLock: string | null
}

/** Rejects `invalid-input` for a lading.yaml or Procfile that is wrong or misnamed, or a Dockerfile that is not there. */
export async function readSource(
  repository: Repository,
  app: AppName,
  commit: CommitId,
  signal: AbortSignal,
): Promise<Source> {
  const text = async (path: string, most: number = defaults.ladingYamlBytes) =>
    (await repository.readFile(app, commit, { path, most }, signal))?.toString('utf8') ?? null
  const [ladingYaml, ladingYml, procfile, packageJson, yarnLock, tree] = await Promise.all([
    text('lading.yaml'),
    text('lading.yml'),
    text('Procfile', defaults.procfileBytes),
    text('package.json', defaults.packageJsonBytes),
    text('yarn.lock', lockBytes),
    repository.treeOf(app, commit, '', signal),
  ])
  if (tree === null) throw new AppError('not-found', `${app} has no commit ${commit}`)
  if (ladingYml !== null) {
    throw new AppError('invalid-input', 'lading.yml is not read: the file must be called lading.yaml', {
      hint: 'git mv lading.yml lading.yaml',
    })
  }
  const yaml = parseLadingYaml(ladingYaml)
  const path = yaml.dockerfile ?? 'Dockerfile'
  const [dockerfile, ignore] = await Promise.all([
    text(path, defaults.dockerfileBytes),
    text(`${path}.dockerignore`, defaults.dockerignoreBytes),
    // Read by BuildKit out of the context.
    text('.dockerignore', defaults.dockerignoreBytes),
  ])
  if (dockerfile === null && (yaml.dockerfile !== null || yaml.stack === 'dockerfile')) {
    throw new AppError('invalid-input', `lading.yaml asks for a Dockerfile, but there is no file ${path}`)
  }
  return {
    app,
    commit,
    tree,
    yaml,
    procfile: procfile === null ? null : parseProcfile(procfile),
    dockerfile: dockerfile === null ? null : { path, text: dockerfile, ignore },
    packageJson,
    yarnLock,
  }
}

/** What runs: the Procfile, else `web` with `command`, which is null for the image's own. */
export function processesOf({ procfile }: Source, command: string | null): readonly Process[] {
  return procfile && procfile.processes.length > 0 ? procfile.processes : [{ type: web, command }]
}
