import type { FactorVerdict, Tree } from './factor.ts'

const mostBytes = 16 * 1024 * 1024

interface Finding {
  readonly state: 'kept' | 'at risk' | 'broken'
  readonly evidence: string
}

interface Ecosystem {
  readonly manifest: string
  readonly locks: readonly string[]
  /** Makes the lock file. */
  readonly command: string
  /** Whether the manifest asks for anything at all. */
  readonly asks: (text: string) => boolean
}

/** Those that lock in a file of their own, but for npm's, which is read. */
const ecosystems: readonly Ecosystem[] = [
  {
    manifest: 'Gemfile',
    locks: ['Gemfile.lock', 'gems.locked'],
    command: 'bundle lock',
    asks: text => /^\s*gem\s/m.test(text),
  },
  { manifest: 'composer.json', locks: ['composer.lock'], command: 'composer update', asks: asksOfComposer },
  {
    manifest: 'Cargo.toml',
    locks: ['Cargo.lock'],
    command: 'cargo generate-lockfile',
    asks: text => /^\[(?:.*\.)?dependencies/m.test(text),
  },
  { manifest: 'go.mod', locks: ['go.sum'], command: 'go mod tidy', asks: text => /^\s*require\b/m.test(text) },
  { manifest: 'Pipfile', locks: ['Pipfile.lock'], command: 'pipenv lock', asks: () => true },
]

/**
 * Factor II, from the files alone: every manifest of dependencies has a lock file, and npm's says what package.json says. Where a
 * lock file cannot be read here, that it is there is the evidence.
 */
export async function dependencies(tree: Tree): Promise<FactorVerdict> {
  const paths = await tree.paths()
  const findings = (
    await Promise.all([npm(tree, paths), python(tree, paths), ...ecosystems.map(one => locked(one, tree, paths))])
  ).flat()
  const worst = (['broken', 'at risk', 'kept'] as const).find(state => findings.some(one => one.state === state))
  return {
    factor: 'II',
    name: 'dependencies',
    state: worst ?? 'not seen',
    evidence: findings.filter(({ state }) => state === worst).map(({ evidence }) => evidence),
    mend: worst === 'broken' || worst === 'at risk' ? 'Make a new lock file, and commit it.' : null,
  }
}

async function locked(
  { manifest, locks, command, asks }: Ecosystem,
  tree: Tree,
  paths: ReadonlySet<string>,
): Promise<Finding[]> {
  if (!paths.has(manifest) || !asks((await tree.text(manifest, mostBytes)) ?? '')) return []
  const lock = locks.find(path => paths.has(path))
  if (lock !== undefined) return [{ state: 'kept', evidence: `${lock} goes with ${manifest}` }]
  return [{ state: 'broken', evidence: `${manifest} has no lock file: "${command}" makes ${locks[0]}` }]
}

type Versions = Readonly<Record<string, string>>

const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const
const otherLocks = ['yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb']

async function npm(tree: Tree, paths: ReadonlySet<string>): Promise<Finding[]> {
  if (!paths.has('package.json')) return []
  const asked = objectOf(await tree.text('package.json', mostBytes))
  if (asked === null) return []
  const lock = ['npm-shrinkwrap.json', 'package-lock.json'].find(path => paths.has(path))
  const other = otherLocks.find(path => paths.has(path))
  if (lock === undefined && other !== undefined) return [{ state: 'kept', evidence: `${other} goes with package.json` }]
  if (lock === undefined) {
    const isBare = kinds.every(kind => Object.keys(versionsOf(asked, kind)).length === 0)
    if (isBare) return [{ state: 'kept', evidence: 'package.json asks for no package' }]
    return [{ state: 'broken', evidence: 'package.json has no lock file: "npm install" makes package-lock.json' }]
  }
  const root = objectOf(await tree.text(lock, mostBytes))?.['packages']
  const locked = isObject(root) ? root[''] : undefined
  // The first form of the file, before npm 7, does not say what package.json said.
  if (!isObject(locked)) return [{ state: 'kept', evidence: `${lock} goes with package.json` }]
  const apart = kinds.flatMap(kind => differences(versionsOf(asked, kind), versionsOf(locked, kind)))
  if (apart.length === 0) return [{ state: 'kept', evidence: `${lock} is in step with package.json` }]
  return apart
    .slice(0, 10)
    .map(what => ({ state: 'broken', evidence: `${lock} is not in step with package.json: ${what}` }))
}

function differences(asked: Versions, locked: Versions): string[] {
  const names = [...new Set([...Object.keys(asked), ...Object.keys(locked)])]
  return names
    .filter(name => asked[name] !== locked[name])
    .map(name => `${name} is ${asked[name] ?? 'not there'}, and ${locked[name] ?? 'not there'} in the lock file`)
}

async function python(tree: Tree, paths: ReadonlySet<string>): Promise<Finding[]> {
  const lock = ['uv.lock', 'poetry.lock', 'pdm.lock', 'pylock.toml'].find(path => paths.has(path))
  if (lock !== undefined) return [{ state: 'kept', evidence: `${lock} is there` }]
  if (!paths.has('requirements.txt')) return []
  const lines = ((await tree.text('requirements.txt', mostBytes)) ?? '').split('\n')
  const open = lines.flatMap((line, at) => {
    const requirement = line.replace(/(?:^|\s)#.*$/, '').trim()
    const isPinned = requirement === '' || requirement.startsWith('-') || /===?|@\s/.test(requirement)
    return isPinned ? [] : [`requirements.txt line ${at + 1}: ${requirement.slice(0, 80)} is not pinned to one version`]
  })
  if (open.length === 0) return [{ state: 'kept', evidence: 'requirements.txt names one version of each' }]
  return open.slice(0, 10).map(evidence => ({ state: 'at risk', evidence }))
}

function asksOfComposer(text: string): boolean {
  const asked = objectOf(text)
  const names = [
    ...Object.keys(versionsOf(asked ?? {}, 'require')),
    ...Object.keys(versionsOf(asked ?? {}, 'require-dev')),
  ]
  // PHP and its extensions are the platform's.
  return names.some(name => name.includes('/'))
}

function versionsOf(from: Readonly<Record<string, unknown>>, kind: string): Versions {
  const found = from[kind]
  if (!isObject(found)) return {}
  return Object.fromEntries(Object.entries(found).map(([name, version]) => [name, String(version)]))
}

function objectOf(text: string | null): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
