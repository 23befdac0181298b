import { AppError, asAppError } from '../../../core/errors.ts'
import type { Files } from '../../source.ts'
import { hasWorkspaces, parsePackage, type Package } from './package.ts'
import { startScript } from './start.ts'

/** A package of a workspace that starts something. */
export interface Member {
  readonly folder: string
  /** What its `start` runs. */
  readonly script: string
}

/** So many packages are looked at; a larger workspace says by a Procfile what runs. */
const most = 64
/** What stands in `start` for a developer's own machine, or hands over to the packages. */
const notServing =
  /^(?:vite|astro dev|next dev|nuxt dev|expo|react-scripts|ng serve|turbo|nx|lerna|(?:npm|yarn|pnpm|bun) (?:run )?dev)\b/

/** Packages of a workspace that have a script `start`, in the order of their folders; none: `pkg`, of the root, is no workspace. */
export async function membersOf(pkg: Package, files: Files): Promise<readonly Member[]> {
  const all = await files.paths()
  if (!hasWorkspaces(pkg, all)) return []
  const paths = [...all]
    .filter(path => /^(?:[\w@.-]+\/){1,2}package\.json$/.test(path) && !path.startsWith('node_modules/'))
    .sort()
    .slice(0, most)
  const members = await Promise.all(
    paths.map(async path => {
      const script = scriptOf(await readMember(path, files))
      if (script === undefined || notServing.test(script)) return []
      return [{ folder: path.slice(0, path.lastIndexOf('/')), script }]
    }),
  )
  return members.flat()
}

/** The root of a workspace starts nothing itself, or only what develops. */
export function startsNothing(pkg: Package): boolean {
  const script = scriptOf(pkg)
  return script === undefined || notServing.test(script.replace(/^npx /, ''))
}

function scriptOf(pkg: Package): string | undefined {
  const name = startScript(pkg)
  return name === null ? undefined : pkg.scripts?.[name]
}

/** One that is no package.json, such as a fixture of the app's own tests, starts nothing. */
async function readMember(path: string, files: Files): Promise<Package> {
  try {
    return parsePackage((await files.text(path)) ?? '{}')
  } catch (error) {
    if (asAppError(error).code === 'invalid-input') return {}
    throw error
  }
}

/** Of the one member that starts something. Rejects `build-failed` where there are several. */
export function startMember(members: readonly Member[]): readonly string[] | null {
  const [first] = members
  if (!first) return null
  if (members.length > 1) {
    const names = members.map(({ folder }) => folder).join(', ')
    throw new AppError('build-failed', `several packages of the workspace can be started (${names})`, {
      hint: `Write a Procfile that says which: "web: cd ${first.folder} && npm start".`,
    })
  }
  return ['/bin/sh', '-c', `cd ${first.folder} && PATH="$PWD/node_modules/.bin:$PATH" && ${first.script}`]
}
