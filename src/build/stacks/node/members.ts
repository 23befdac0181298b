import { AppError } from '../../../core/errors.ts'
import type { Files } from '../../source.ts'
import { parsePackage, type Package } from './package.ts'
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

/** Packages below the root that have a script `start`, in the order of their folders. */
export async function membersOf(files: Files): Promise<readonly Member[]> {
  const paths = [...(await files.paths())]
    .filter(path => /^(?:[\w@.-]+\/){1,2}package\.json$/.test(path) && !path.startsWith('node_modules/'))
    .sort()
    .slice(0, most)
  const members = await Promise.all(
    paths.map(async path => {
      const pkg = parsePackage((await files.text(path)) ?? '{}')
      const name = startScript(pkg)
      const script = name === null ? undefined : pkg.scripts?.[name]
      if (script === undefined || notServing.test(script)) return []
      return [{ folder: path.slice(0, path.lastIndexOf('/')), script }]
    }),
  )
  return members.flat()
}

/** The root of a workspace starts nothing itself, or only what develops. */
export function startsNothing(pkg: Package): boolean {
  const name = startScript(pkg)
  const script = name === null ? undefined : pkg.scripts?.[name]
  return script === undefined || notServing.test(script.replace(/^npx /, ''))
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
