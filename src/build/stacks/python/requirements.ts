import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'

/** Where an app's dependencies stand. */
export interface Requirements {
  readonly program: 'pip' | 'uv' | 'poetry' | 'pdm' | 'pipenv'
  /** Files that decide what is installed. */
  readonly manifests: readonly string[]
  /** False: versions may be others at every install. */
  readonly locked: boolean
  /** True: they name a path of the repository, or the app itself. */
  readonly needsCode: boolean
  /** All that the manifests say, to look for names in. */
  readonly text: string
}

/** In this order: a lock file says more than what it was made from. */
const kinds = [
  ['uv.lock', 'uv'],
  ['poetry.lock', 'poetry'],
  ['pdm.lock', 'pdm'],
  ['Pipfile.lock', 'pipenv'],
  ['requirements.txt', 'pip'],
  ['Pipfile', 'pipenv'],
  ['pyproject.toml', 'pip'],
] as const

/** Null: no file names dependencies. */
export async function readRequirements({ files }: Source): Promise<Requirements | null> {
  const paths = await files.paths()
  const [file, kind] = kinds.find(([name]) => paths.has(name)) ?? []
  if (file === undefined || kind === undefined) return null
  if (file === 'requirements.txt') return ofPip(file, files)
  const project = kind === 'pipenv' ? 'Pipfile' : 'pyproject.toml'
  const manifests = [project, file].filter((name, at, all) => paths.has(name) && all.indexOf(name) === at)
  const text = (await Promise.all(manifests.map(name => files.text(name, glance)))).join('\n')
  const program = file === 'pyproject.toml' && /^\[tool\.poetry\]/m.test(text) ? 'poetry' : kind
  return {
    program,
    manifests,
    locked: file.endsWith('.lock'),
    needsCode: /^\s*[\w"'.-]+\s*=\s*\{[^}\n]*\b(?:path|workspace)\s*=/m.test(text) || /\bfile:/.test(text),
    text,
  }
}

/** requirements.txt and what it includes. */
async function ofPip(first: string, files: Source['files']): Promise<Requirements> {
  const manifests = [first]
  const texts: string[] = []
  let needsCode = false
  for (const path of manifests) {
    const text = await files.text(path, glance)
    if (text === null) needsCode = true
    texts.push(text ?? '')
    for (const line of (text ?? '').split(/\r?\n/)) {
      const [, included] = /^\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)/.exec(line) ?? []
      const beside = included && path.includes('/') ? `${path.slice(0, path.lastIndexOf('/'))}/${included}` : included
      if (beside?.startsWith('.') || beside?.includes('..')) needsCode = true
      else if (beside && !manifests.includes(beside)) manifests.push(beside)
      if (/^\s*(?:-e|--editable|\.{1,2}(?:\/|\[|\s*$)|file:)/.test(line) || /@\s*file:/.test(line)) needsCode = true
    }
  }
  const text = texts.join('\n')
  return { program: 'pip', manifests, locked: isPinned(text), needsCode, text }
}

/** Whether every line names one version, as `pip freeze` and `pip-compile` write it. */
function isPinned(text: string): boolean {
  const lines = text.split(/\r?\n/).map(line => line.replace(/#.*/, '').trim())
  return lines.every(line => line === '' || /^(?:-|\\)/.test(line) || /===?|@/.test(line) || /^--hash/.test(line))
}

/** Whether a package is among them, as PyPI compares names. */
export function requires({ text }: Pick<Requirements, 'text'>, name: string): boolean {
  const any = name.replace(/[-_.]/g, '[-_.]')
  return new RegExp(`(?:^|["'\\s])${any}(?=$|["'\\s=<>!~;,\\[@])`, 'im').test(text)
}
