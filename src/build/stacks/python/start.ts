import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'
import { nothingStarts } from '../refusal.ts'
import { requires, type Requirements } from './requirements.ts'

/** What starts an app that does not say it. */
export interface Start {
  readonly command: readonly string[]
  /** `Django`, `Flask`, `FastAPI`; null: a program of its own. */
  readonly framework: string | null
  /** The server that has to be installed with it; null: what it requires has one. */
  readonly server: 'gunicorn' | 'uvicorn' | null
}

/** One process, which many requests share: how many there are is what `lading scale` says. */
const gunicorn = ['gunicorn', '--threads', '8']

/** Rejects `build-failed` when nothing says it. */
export async function startOf(source: Source, requirements: Requirements | null): Promise<Start> {
  const needs = requirements ?? { text: '' }
  const paths = [...(await source.files.paths())]
  if (paths.includes('manage.py')) {
    const django = ofDjango(paths, needs)
    if (django) return django
  }
  for (const [framework, module, made, server] of frameworks) {
    if (!requires(needs, module)) continue
    const found = await find(source, made)
    if (found) return { framework, ...(server === 'uvicorn' ? byUvicorn(found, needs) : byGunicorn(found, needs)) }
  }
  const main = mains.map(name => `${name}.py`).find(path => paths.includes(path))
  if (main) return { command: ['python', main], framework: null, server: null }
  throw nothingStarts(
    'Python app',
    paths,
    'Write a Procfile, such as "web: gunicorn mypackage.wsgi" or "web: python app.py".',
  )
}

const frameworks = [
  ['FastAPI', 'fastapi', /^(\w+)(?::\s*\w+)?\s*=\s*(?:fastapi\.)?FastAPI\(/m, 'uvicorn'],
  ['Starlette', 'starlette', /^(\w+)(?::\s*\w+)?\s*=\s*Starlette\(/m, 'uvicorn'],
  ['Flask', 'flask', /^(\w+)(?::\s*\w+)?\s*=\s*(?:flask\.)?Flask\(/m, 'gunicorn'],
  ['Bottle', 'bottle', /^(\w+)\s*=\s*(?:bottle\.)?(?:Bottle|default_app)\(/m, 'gunicorn'],
] as const

/** Where people put it, without `.py`. */
const mains = ['main', 'app', 'wsgi', 'asgi', 'application', 'server', 'run'] as const

function ofDjango(paths: readonly string[], needs: { readonly text: string }): Start | null {
  const nearest = (name: string) =>
    paths
      .filter(path => path.endsWith(`/${name}.py`) || path === `${name}.py`)
      .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))[0]
  const [wsgi, asgi] = [nearest('wsgi'), nearest('asgi')]
  if (wsgi) return { framework: 'Django', ...byGunicorn(`${moduleOf(wsgi)}:application`, needs) }
  if (asgi) return { framework: 'Django', ...byUvicorn(`${moduleOf(asgi)}:application`, needs) }
  return null
}

/** `package.module:variable` of the first file that makes the application, or a factory of Flask's. */
async function find({ files }: Source, made: RegExp): Promise<string | null> {
  const paths = await files.paths()
  const packages = [...paths].flatMap(path => /^((?:src\/)?\w+)\/__init__\.py$/.exec(path)?.[1] ?? [])
  const folders = ['', 'src/', 'app/', 'api/', 'backend/', ...packages.map(name => `${name}/`)]
  const candidates = folders.flatMap(folder => [...mains, '__init__'].map(name => `${folder}${name}.py`))
  for (const path of new Set(candidates)) {
    const text = paths.has(path) ? await files.text(path, glance) : null
    const [, variable] = made.exec(text ?? '') ?? []
    if (variable) return `${moduleOf(path)}:${variable}`
    if (/^def create_app\(\s*(?:\w+(?::[^=,)]+)?\s*=[^)]*)?\)/m.test(text ?? ''))
      return `${moduleOf(path)}:create_app()`
  }
  return null
}

/** As Python names it from the root of the repository, or from `src`. */
function moduleOf(path: string): string {
  return path
    .replace(/^src\//, '')
    .replace(/\.py$/, '')
    .replace(/(?:^|\/)__init__$/, '')
    .replaceAll('/', '.')
}

/** It reads $PORT itself. */
function byGunicorn(application: string, needs: { readonly text: string }) {
  return { command: [...gunicorn, application], server: requires(needs, 'gunicorn') ? null : ('gunicorn' as const) }
}

function byUvicorn(application: string, needs: { readonly text: string }) {
  const factory = application.endsWith('()') ? ' --factory' : ''
  const options = `--host 0.0.0.0 --port $PORT --proxy-headers --forwarded-allow-ips '*'${factory}`
  return {
    command: ['/bin/sh', '-c', `uvicorn ${application.replace('()', '')} ${options}`],
    server: requires(needs, 'uvicorn') ? null : ('uvicorn' as const),
  }
}
