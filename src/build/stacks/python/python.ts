import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'
import { satisfies } from '../version-range.ts'
import { withoutGit } from '../generated.ts'
import type { Assembled, Built, Platform, Recipe, Stack } from '../stack.ts'
import { readSettings, type DjangoSettings } from './django.ts'
import { pythonDockerfile, pythonEnv, venvDockerfile, type PythonPlan } from './dockerfile.ts'
import { readRequirements, type Requirements } from './requirements.ts'
import { startOf, type Start } from './start.ts'
import { tooOld } from './too-old.ts'

/** Of Debian 13. */
const version = '3.13'
const servers = { gunicorn: 'gunicorn==27.0.1', uvicorn: 'uvicorn==0.55.0' } as const
const tells = ['pip', 'uv', 'poetry', 'pdm', 'pipenv', 'python'] as const
const signs = ['uv.lock', 'poetry.lock', 'pdm.lock', 'Pipfile', 'requirements.txt', 'pyproject.toml', 'manage.py']

/** pip, uv, Poetry, PDM or Pipenv on Debian's Python; assembled from layers where nothing is built. */
export const pythonStack: Stack = {
  name: 'python',

  async detect({ files, procfile }) {
    const paths = await files.paths()
    const sign =
      signs.find(path => paths.has(path)) ??
      (procfile?.processes.some(({ command }) => /^python/.test(command ?? '')) ? 'Procfile' : undefined) ??
      ['main.py', 'app.py'].find(path => paths.has(path))
    return sign === undefined ? null : { what: `Python ${version}`, because: `${sign} is in the repository` }
  },

  async recipe(source, { base }: Platform): Promise<Recipe> {
    const requirements = await readRequirements(source)
    const refusal = requirements && tooOld(requirements, version)
    if (refusal) throw refusal
    const isSaid = (source.procfile?.processes ?? []).length > 0
    const start = isSaid ? null : await startOf(source, requirements)
    const paths = await source.files.paths()
    const django = await readSettings(source)
    const plan: PythonPlan = {
      requirements,
      addsServer: start?.server ? servers[start.server] : null,
      start: start?.command ?? null,
      collectsStatic: django?.hasStaticRoot ?? false,
      hasSrc: [...paths].some(path => /^src\/.*\.py$/.test(path)),
    }
    const built: Built = {
      method: 'built',
      stack: 'python',
      title: `Building a Python ${version} app${requirements ? ` with ${requirements.program}` : ''}`,
      dockerfile: pythonDockerfile(plan, base),
      dockerignore: `${withoutGit}.venv\nvenv\n`,
      bases: [{ name: base, instead: null }],
      notes: [...(await notesOf(source, plan, start)), ...closedNote(django)],
      start: plan.start,
      tells,
    }
    const isBuilt = plan.collectsStatic || (requirements?.needsCode ?? false)
    return isBuilt ? built : assembled(plan, built, base)
  },
}

function assembled(plan: PythonPlan, otherwise: Built, base: Platform['base']): Assembled {
  return {
    method: 'assembled',
    stack: 'python',
    title: `Assembling a Python ${version} app from layers`,
    bases: otherwise.bases,
    dependencies: {
      dockerfile: venvDockerfile(plan, base),
      manifests: plan.requirements?.manifests ?? [],
      title: plan.requirements
        ? `Installing dependencies with ${plan.requirements.program}`
        : `Getting Python ${version}`,
      tells,
    },
    start: plan.start,
    env: pythonEnv(plan),
    times: 'zero',
    leaveOut: null,
    otherwise,
    notes: otherwise.notes,
  }
}

async function notesOf(source: Source, plan: PythonPlan, start: Start | null): Promise<readonly string[]> {
  const { requirements, addsServer } = plan
  const notes = (await versionWarning(source, requirements)) ?? []
  if (requirements && !requirements.locked) {
    const file = requirements.manifests[0]!
    notes.push(`Warning: ${file} names no exact versions: another install may get others than you tried`)
  }
  if (start?.framework && addsServer)
    notes.push(
      `${start.framework} is served by ${addsServer.replace('==', ' ')}, which is added: the requirements have no server`,
    )
  if (start?.framework === 'Django' && !source.procfile?.releaseCommand) {
    notes.push('Migrations do not run by themselves: a Procfile with "release: python manage.py migrate" runs them')
  }
  return notes
}

/** Django answers 400 to every request for a host that its settings do not name. */
function closedNote(django: DjangoSettings | null): readonly string[] {
  if (!django?.closedTo) return []
  return [
    `Warning: Django answers 400 to hosts that ALLOWED_HOSTS in ${django.closedTo} does not name: add this app's, or '*', since only its own hosts reach an app here`,
  ]
}

/** Where the app asks for a Python that Debian does not have. */
async function versionWarning({ files }: Source, requirements: Requirements | null): Promise<string[] | null> {
  const [own, runtime, tool, project, pipfile] = await Promise.all(
    ['.python-version', 'runtime.txt', '.tool-versions', 'pyproject.toml', 'Pipfile'].map(path =>
      files.text(path, glance),
    ),
  )
  const wanted = [
    ['.python-version', /^\s*(?:cpython-|python-)?(\d+\.\d+)/.exec(own ?? '')?.[1]],
    ['runtime.txt', /^\s*python-(\d+\.\d+)/.exec(runtime ?? '')?.[1]],
    ['.tool-versions', /^python\s+(\d+\.\d+)/m.exec(tool ?? '')?.[1]],
    ['Pipfile', /^python_(?:full_)?version\s*=\s*["'](\d+\.\d+)/m.exec(pipfile ?? '')?.[1]],
    ['pyproject.toml', /^requires-python\s*=\s*["']([^"']+)["']/m.exec(project ?? '')?.[1]?.replaceAll(',', ' ')],
  ] as const
  const [file, range] = wanted.find(([, text]) => text !== undefined) ?? []
  if (file === undefined || range === undefined || requirements === undefined) return null
  if (satisfies(version, range.replace(/==\s*/g, '').replace(/~=\s*/g, '^')) !== false) return null
  return [`Warning: ${file} asks for Python ${range}; this image has Python ${version}`]
}
