import { AppError } from '../../core/errors.ts'
import type { Source } from '../source.ts'

/** What says at its root that a repository is an app, for a sentence. */
const known =
  'package.json, go.mod, requirements.txt, pyproject.toml, Pipfile, composer.json, Gemfile, Cargo.toml, pom.xml, build.gradle, index.php or index.html'

/** Signs of stacks that are not here yet, by a file at the root. */
const others = [
  ['mix.exs', 'Elixir'],
  ['deno.json', 'Deno'],
  ['deno.jsonc', 'Deno'],
  ['project.clj', 'Clojure'],
  ['build.sbt', 'Scala'],
  ['Package.swift', 'Swift'],
  ['pubspec.yaml', 'Dart'],
  ['stack.yaml', 'Haskell'],
] as const

const composeFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
const manifests = [
  'package.json',
  'go.mod',
  'requirements.txt',
  'pyproject.toml',
  'Pipfile',
  'composer.json',
  'Gemfile',
  'Cargo.toml',
  'pom.xml',
  'build.gradle',
  'build.gradle.kts',
  'index.php',
  'index.html',
]

/** No stack applies: names what was seen, and what to add. */
export async function nothingApplies({ files, yaml }: Source): Promise<AppError> {
  const paths = [...(await files.paths())].sort()
  if (yaml.stack !== null) {
    return new AppError('build-failed', `lading.yaml asks for stack: ${yaml.stack}, but no file of it is at the root`, {
      hint: `Seen: ${seenIn(paths).sentence ?? 'nothing that is known'}. Without "stack" the files decide.`,
    })
  }
  const { sentence, hint } = seenIn(paths)
  return new AppError(
    'build-failed',
    sentence === null
      ? `nothing at the root of the repository says how it is built: no Dockerfile, ${known}`
      : `nothing at the root of the repository says how it is built; seen: ${sentence}`,
    { hint },
  )
}

/**
 * A stack applies at the root, but nothing says what runs: `what` is a word for the app, `hint` what to add where nothing
 * better is seen. Of a repository whose apps are below, such as a workspace with a Dockerfile each, those are named.
 */
export function nothingStarts(what: string, paths: Iterable<string>, hint: string): AppError {
  const dockerfiles = dockerfilesIn([...paths].sort())
  const [first] = dockerfiles
  return new AppError('build-failed', `nothing says how to start this ${what}`, {
    hint:
      first === undefined
        ? hint
        : `Seen: ${list(dockerfiles, 'Dockerfile')}. Name one in lading.yaml: ${wayTo(first)}.`,
  })
}

function dockerfilesIn(paths: readonly string[]): readonly string[] {
  return paths.filter(
    path =>
      /(?:^|\/)(?:Dockerfile(?:\.[\w-]+)?|Containerfile)$/.test(path) &&
      !/(?:^|\/)(?:\.devcontainer|tests?)\//.test(path),
  )
}

function seenIn(paths: readonly string[]): { readonly sentence: string | null; readonly hint: string } {
  const dockerfiles = dockerfilesIn(paths)
  const compose = composeFiles.find(name => paths.includes(name))
  const other = others.find(([file]) => paths.includes(file)) ?? null
  const below = paths.filter(path => manifests.includes(path.slice(path.lastIndexOf('/') + 1)) && depth(path) < 3)
  const seen = [
    ...(dockerfiles.length > 0 ? [list(dockerfiles, 'Dockerfile')] : []),
    ...(compose ? [`a ${compose}`] : []),
    ...(other ? [`${other[0]} (${other[1]})`] : []),
    ...(dockerfiles.length === 0 && below.length > 0 ? [below.slice(0, 4).join(', ')] : []),
  ]
  const hint =
    dockerfiles.length > 0
      ? `Name the one to build in lading.yaml: ${wayTo(dockerfiles[0]!)}.`
      : other
        ? `${other[1]} is built with a Dockerfile at the root.`
        : below.length > 0
          ? wayBelow(below)
          : compose
            ? `${compose} is not read. An app is built from a Dockerfile; a service with an image is another app, or a database elsewhere.`
            : `Add a Dockerfile, ${known} to the root.`
  return { sentence: seen.length === 0 ? null : seen.join(', '), hint }
}

/** Folders with an app of their own: what lading.yaml says of the one, or of each. */
function wayBelow(below: readonly string[]): string {
  const folders = [...new Set(below.map(path => folderOf(path).slice(0, -1)))].sort(
    (a, b) => rank(a) - rank(b) || depth(a) - depth(b),
  )
  const [first = '', second] = folders
  const one = `Name the folder of the app in lading.yaml: "root: ${first}"`
  if (second === undefined) return `${one}.`
  return `${one}; of two apps: "root: { NAME: ${first}, OTHER-NAME: ${second} }".`
}

/** What answers requests comes before the pages that ask it. */
function rank(folder: string): number {
  return /(?:^|\/)(?:server|backend|api)$/.test(folder) ? 0 : 1
}

/** With its own folder as context, as those who wrote it most often mean it. */
function wayTo(path: string): string {
  const isPlain = path.endsWith('/Dockerfile')
  return isPlain ? `"build: { context: ${folderOf(path).slice(0, -1)} }"` : `"dockerfile: ${path}"`
}

/** `Dockerfiles in api/ and web/` */
function list(paths: readonly string[], what: string): string {
  const folders = [...new Set(paths.map(folderOf))].slice(0, 5)
  if (paths.length === 1) return `a ${what} at ${paths[0]}`
  return `${what}s in ${folders.slice(0, -1).join(', ')}${folders.length > 1 ? ' and ' : ''}${folders.at(-1)}`
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : './'
}

function depth(path: string): number {
  return path.split('/').length - 1
}
