import type { ImageReference } from '../../../core/names.ts'
import { addUser, apt, aptMounts, cached, pack, plainPath, take } from '../generated.ts'
import type { Requirements } from './requirements.ts'
import { noLibraries, systemPackages, withCompilers, withGoneModules, withLibraries } from './system-packages.ts'

/** What a Python image is made of. */
export interface PythonPlan {
  readonly requirements: Requirements | null
  /** A server that nothing required, as pip knows it: `gunicorn==27.0.1`; null: none. */
  readonly addsServer: string | null
  readonly start: readonly string[] | null
  /** Django's static files are collected. */
  readonly collectsStatic: boolean
  /** Packages are in `src`. */
  readonly hasSrc: boolean
}

export function pythonEnv({ hasSrc }: Pick<PythonPlan, 'hasSrc'>): readonly string[] {
  return [
    `PATH=/opt/venv/bin:${plainPath}`,
    'VIRTUAL_ENV=/opt/venv',
    `PYTHONPATH=/app${hasSrc ? ':/app/src' : ''}`,
    'PYTHONUNBUFFERED=1',
    'PYTHONDONTWRITEBYTECODE=1',
  ]
}

/** The whole app: the venv is a layer of its own, the same for the same dependencies, and the code another. */
export function pythonDockerfile(plan: PythonPlan, base: ImageReference): string {
  const alone = plan.requirements !== null && !plan.requirements.needsCode
  const lines = [...venvStage(plan, base, alone ? plan.requirements.manifests : null)]
  if (alone || plan.requirements === null) lines.push('COPY . .')
  lines.push(...pythonEnv(plan).map(pair => `ENV ${pair}`))
  if (plan.collectsStatic) lines.push(collectStatic)
  lines.push(pack('code', '.'), '', 'FROM python', withLibraries)
  lines.push(take('venv', '/opt/venv'), take('code'), 'WORKDIR /app')
  lines.push(...pythonEnv(plan).map(pair => `ENV ${pair}`), 'USER app')
  if (plan.start) lines.push(`CMD ${JSON.stringify(plan.start)}`)
  return [...lines, ''].join('\n')
}

/** Python and the venv alone, for the code of an assembled image to stand on. */
export function venvDockerfile(plan: PythonPlan, base: ImageReference): string {
  const stage = venvStage(plan, base, plan.requirements?.manifests ?? [])
  return [...stage, '', 'FROM python', withLibraries, take('venv', '/opt/venv'), ''].join('\n')
}

/** `manifests`: all that is copied before the install; null: the whole repository. */
function venvStage(
  { requirements, addsServer }: PythonPlan,
  base: ImageReference,
  manifests: readonly string[] | null,
) {
  const text = requirements?.text ?? ''
  const [run, build] = systemPackages(text)
  const lines = [
    `FROM ${base} AS python`,
    `RUN ${aptMounts} ${apt(['python3', 'python-is-python3', ...run])} && ${addUser}`,
    '',
    'FROM python AS build',
    `RUN ${aptMounts} ${apt(['python3-venv', ...build])} && python3 -m venv --without-pip /opt/venv && python3 -m venv /opt/tools && ${noLibraries}`,
    'WORKDIR /app',
    // For programs that bring a list of authorities of their own.
    'ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt',
    'ENV VIRTUAL_ENV=/opt/venv PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PATH=/opt/tools/bin:$PATH',
  ]
  if (manifests === null) lines.push('COPY . .')
  else lines.push(...manifests.map(path => `COPY ${path} ${path}`))
  if (requirements) lines.push(...installs(requirements))
  if (addsServer) lines.push(step(pip(addsServer)))
  if (requirements) lines.push(step(withGoneModules))
  // Compiled once, by content and not by time, which is the same for all files.
  lines.push(`RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib || true`)
  return [...lines, pack('venv', '-C /opt/venv .')]
}

/** PDM 2.29.4 takes any later hishel, and does not start with 2. */
const tools = {
  uv: 'uv==0.13.9',
  poetry: 'poetry==2.5.1',
  pdm: "pdm==2.29.4 'hishel<2'",
  pipenv: 'pipenv==2026.10.3',
} as const

function installs({ program, locked, manifests }: Requirements): readonly string[] {
  const get = program === 'pip' ? [] : [step(`pip install --quiet ${tools[program]}`)]
  switch (program) {
    case 'pip':
      if (manifests[0] !== 'pyproject.toml') return [withCompilers(pip(`-r ${manifests[0]}`))]
      return [`RUN ${listOfProject}`, withCompilers(pip('-r /tmp/requirements.txt'))]
    case 'uv':
      return [...get, withCompilers('uv sync --frozen --no-dev --no-install-project --no-progress', uvEnv)]
    case 'poetry':
      if (!locked) get.push(step('poetry lock --no-interaction'))
      return [...get, withCompilers('poetry install --only main --no-root --no-interaction')]
    case 'pdm':
      return [...get, withCompilers('pdm sync --prod --no-self', 'PDM_IGNORE_SAVED_PYTHON=1 ')]
    case 'pipenv':
      if (!locked) get.push(step('pipenv lock'))
      return [
        ...get,
        step('pipenv requirements >/tmp/requirements.txt'),
        withCompilers(pip('-r /tmp/requirements.txt')),
      ]
  }
}

const uvEnv = 'UV_PROJECT_ENVIRONMENT=/opt/venv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 '

function pip(what: string): string {
  return `pip --python /opt/venv install ${what}`
}

/** The dependencies that pyproject.toml names, without the app, which runs from its folder. */
const listOfProject = `python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb')).get('project', {}).get('dependencies', []), sep='\\n')" >/tmp/requirements.txt`

function step(command: string): string {
  return `RUN ${cached('/root/.cache')} ${command}`
}

const collectStatic = `RUN SECRET_KEY=only-for-the-build python manage.py collectstatic --noinput || echo 'Warning: collectstatic failed; pages may lack their styles. It runs in the build, without config.'`
