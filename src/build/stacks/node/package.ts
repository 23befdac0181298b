import { z } from 'zod'
import { requireFlatJson, shortened } from '../../../core/bounds.ts'
import { defaults } from '../../../core/defaults.ts'
import { AppError } from '../../../core/errors.ts'
import { whole } from '../../files.ts'
import type { AskedVersion } from './asked-version.ts'
import { isOfBun } from './bun.ts'
import { calledDevelopment, calledPrograms, calls, commandsThatRun, staying } from './calls.ts'
import { chooseNode, type ChosenNode } from './choose-node.ts'
import { neededNode } from './needed-version.ts'
import { startMember, startsNothing, type Member } from './members.ts'
import { startCommand } from './start.ts'

export interface NodePlan {
  readonly node: ChosenNode
  /** Null: nothing is to be installed. */
  readonly install: Install | null
  /** The script that builds, run with development dependencies; null: there is none. */
  readonly buildScript: string | null
  /** The image's own command, when there is no Procfile. */
  readonly start: readonly string[] | null
  /** Package managers that what runs calls and the Node image lacks, as npm knows them: `pnpm@10.4.1`. */
  readonly keeps: readonly string[]
  /** The development dependency that what runs calls, so that all of them stay; null: they are removed. */
  readonly development: string | null
  /** Why it cannot be assembled from layers; null: it can. */
  readonly notAssembled: string | null
  /** True: manifests and lock file are all that an install reads. */
  readonly installsAlone: boolean
  readonly warnings: readonly string[]
}

export interface Install {
  readonly program: 'npm' | 'pnpm' | 'yarn' | 'yarn-berry' | 'bun'
  /** Of the program, as npm knows it: `pnpm@10.4.1`; null: the image has it. */
  readonly get: string | null
  /** Files that decide what is installed, package.json first. */
  readonly manifests: readonly string[]
  /** Whether package.json names workspaces: pnpm's stand in a file of its own. */
  readonly workspaces: boolean
  /**
   * False: there is no lock file. Where there is nothing to get, npm only runs the app's own install scripts; else versions
   * are those of the day.
   */
  readonly locked: boolean
  /** Whether development dependencies can be, and have to be, removed when all is built. */
  readonly prunes: boolean
}

/** Longer ones have no meaning, and patterns that read them need the square of their length. */
const short = z.string().max(256)
const script = z.string().optional()
/** In the order in which npm runs them; the other programs know most of them. */
const installScripts = z.object({
  preinstall: script,
  install: script,
  postinstall: script,
  prepublish: script,
  preprepare: script,
  prepare: script,
  postprepare: script,
})
const ownInstallScripts = installScripts.keyof().options
// Under other names people keep what npm leaves alone, such as notes.
const scripts = installScripts.extend({
  'heroku-postbuild': script,
  build: script,
  dev: script,
  prestart: script,
  start: script,
  'start:prod': script,
})
const record = z.record(z.string(), z.string()).optional()
const schema = z.object({
  main: z.string().max(defaults.pathBytes).optional().catch(undefined),
  packageManager: short.optional(),
  scripts: scripts.optional(),
  dependencies: record,
  optionalDependencies: record,
  devDependencies: record,
  resolutions: z.record(z.string(), z.unknown()).optional().catch(undefined),
  engines: z.object({ node: short.optional() }).optional().catch(undefined),
  workspaces: z.unknown().optional(),
  pnpm: z.object({ patchedDependencies: z.unknown().optional() }).optional(),
})
export type Package = z.infer<typeof schema>

const lockFiles = {
  'package-lock.json': 'npm',
  'npm-shrinkwrap.json': 'npm',
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
  'bun.lock': 'bun',
  'bun.lockb': 'bun',
} as const
const configFiles = ['.npmrc', 'bunfig.toml', '.yarnrc', '.yarnrc.yml', '.pnpmfile.cjs', 'pnpm-workspace.yaml'] as const
/** What builds an app whose package.json pins no version. */
const programs = { pnpm: 'pnpm@10.28.0', yarn: 'yarn@1.22.22', bun: 'bun@1.4.5' } as const

export interface NodeFiles {
  /** Text of package.json. */
  readonly packageJson: string
  /** Text of yarn.lock, which tells Yarn 1 from its successors; null: there is none. */
  readonly yarnLock: string | null
  /** Every path of the commit. */
  readonly paths: ReadonlySet<string>
  /** The Procfile says what runs; nothing else needs to. */
  readonly startIsSaid: boolean
  /** All that the Procfile runs, `release` too. */
  readonly commands: readonly string[]
  /** What the repository asks for beside package.json; null: nothing. */
  readonly asked: AskedVersion | null
  /** Packages of a workspace that start something. */
  readonly members: readonly Member[]
  /** Node's version in the platform's image, such as `24.21.0`. */
  readonly nodeVersion: string
}

/** How a Node app is made into an image. Rejects `invalid-input` and `build-failed` with what to do about it. */
export function planNode(files: NodeFiles): NodePlan {
  const pkg = parsePackage(files.packageJson)
  const { nodeVersion: platforms, asked } = files
  const node = chooseNode({ engines: pkg.engines?.node ?? null, asked, needed: neededNode(pkg), platforms })
  const buildScript = (['heroku-postbuild', 'build'] as const).find(name => pkg.scripts?.[name]) ?? null
  const start = files.startIsSaid ? null : startOf(pkg, files)
  const runs = commandsThatRun(pkg, files.commands, start)
  const development = calledDevelopment(pkg, runs)
  const install = planInstall(pkg, buildScript !== null || development !== null, files)
  const reason = install && notAlone(install, pkg, files.paths)
  const called = calledPrograms(pkg, runs)
  return {
    node,
    install,
    buildScript,
    start,
    keeps: called.flatMap(kind => programOf(kind, pkg, files).get ?? []),
    development,
    installsAlone: reason === null,
    notAssembled: buildScript
      ? `it has a script "${buildScript}"`
      : (reason ?? calls([...called, ...(development === null ? [] : [development])])),
    warnings: [...node.warnings, ...warnings(pkg, install, files), ...staying(development)],
  }
}

function startOf(pkg: Package, files: NodeFiles): readonly string[] {
  const ofMember = startsNothing(pkg) ? startMember(files.members) : null
  return ofMember ?? startCommand(pkg, files.paths, isOfBun(pkg, files.paths))
}

/** How much of one is read. */
export const packageJson = whole(defaults.packageJsonBytes)

/** Rejects `invalid-input`. */
export function parsePackage(text: string): Package {
  requireFlatJson(text, {
    name: 'package.json',
    bytes: defaults.packageJsonBytes,
    depth: defaults.jsonDepth,
    values: defaults.jsonValues,
  })
  try {
    return schema.parse(JSON.parse(text.replace(/^\uFEFF/, '')))
  } catch (error) {
    if (error instanceof z.ZodError) {
      const [issue] = error.issues
      throw new AppError('invalid-input', `package.json: ${shortened(issue?.path.join('.') ?? '')}: ${issue?.message}`)
    }
    if (error instanceof SyntaxError) throw new AppError('invalid-input', `package.json: ${shortened(error.message)}`)
    throw error
  }
}

function planInstall(pkg: Package, builds: boolean, files: NodeFiles): Install | null {
  const runsScripts = ownInstallScript(pkg) !== undefined
  const development = builds || runsScripts ? pkg.devDependencies : {}
  const wanted = { ...pkg.dependencies, ...pkg.optionalDependencies, ...development }
  const nothing = Object.keys(wanted).length === 0 && !hasWorkspaces(pkg, files.paths)
  const locks = Object.entries(lockFiles).filter(([name]) => files.paths.has(name))
  if (new Set(locks.map(([, program]) => program)).size > 1) {
    const names = locks.map(([name]) => name).join(' and ')
    throw new AppError('build-failed', `there are two lock files: ${names}`, { hint: 'Keep the one you use.' })
  }
  if (nothing && !runsScripts) return null
  const present = configFiles.filter(name => files.paths.has(name))
  const [lock] = locks
  const named = /^(pnpm|yarn|bun)@/.exec(pkg.packageManager ?? '')?.[1] as 'pnpm' | 'yarn' | 'bun' | undefined
  const unlocked = named ?? (isOfBun(pkg, files.paths) ? 'bun' : 'npm')
  const [lockFile, kind] = lock ?? [null, nothing ? 'npm' : unlocked]
  const program = programOf(kind, pkg, files)
  return {
    ...program,
    manifests: ['package.json', ...(lockFile === null ? [] : [lockFile]), ...present],
    workspaces: isNotEmpty(pkg.workspaces),
    locked: lockFile !== null,
    prunes: !nothing && (program.program !== 'yarn-berry' || focuses(files)),
  }
}

function hasDependencies(pkg: Package): boolean {
  return Object.keys({ ...pkg.dependencies, ...pkg.optionalDependencies, ...pkg.devDependencies }).length > 0
}

export function hasWorkspaces(pkg: Package, paths: ReadonlySet<string>): boolean {
  return pkg.workspaces !== undefined || paths.has('pnpm-workspace.yaml')
}

/** Source: package.json of npm and Yarn: a list, or an object with a list. */
function isNotEmpty(workspaces: unknown): boolean {
  return workspaces !== undefined && !(Array.isArray(workspaces) && workspaces.length === 0)
}

function ownInstallScript(pkg: Package): string | undefined {
  return ownInstallScripts.find(name => pkg.scripts?.[name])
}

/** `yarn workspaces focus` came with Yarn 4, whose lock files begin at version 8, and was a plugin before. */
function focuses({ yarnLock, paths }: NodeFiles): boolean {
  const [, version] = /^__metadata:\n\s+version: (\d+)/m.exec(yarnLock ?? '') ?? []
  return Number(version) >= 8 || paths.has('.yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs')
}

function programOf(
  kind: 'npm' | 'pnpm' | 'yarn' | 'bun',
  pkg: Package,
  files: NodeFiles,
): Pick<Install, 'program' | 'get'> {
  const [, name, version] =
    /^(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+[0-9A-Za-z.-]*)(?:\+.*)?$/.exec(pkg.packageManager ?? '') ?? []
  if (kind === 'npm') return { program: 'npm', get: name === 'npm' ? `npm@${version}` : null }
  if (kind === 'pnpm') return { program: 'pnpm', get: name === 'pnpm' ? `pnpm@${version}` : programs.pnpm }
  if (kind === 'bun') return { program: 'bun', get: name === 'bun' ? `bun@${version}` : programs.bun }
  if (!/^__metadata:/m.test(files.yarnLock ?? '')) {
    return { program: 'yarn', get: name === 'yarn' && version?.startsWith('1.') ? `yarn@${version}` : programs.yarn }
  }
  // Yarn 1 hands over to the release that the repository carries.
  if ([...files.paths].some(path => path.startsWith('.yarn/releases/')))
    return { program: 'yarn-berry', get: programs.yarn }
  if (name === 'yarn') return { program: 'yarn-berry', get: `@yarnpkg/cli-dist@${version}` }
  throw new AppError('build-failed', 'yarn.lock is of Yarn 2 or later, but package.json does not say which', {
    hint: 'Set "packageManager": "yarn@<version>" in package.json.',
  })
}

/** Why an install needs more of the repository than its manifests, or null. */
function notAlone(install: Install, pkg: Package, paths: ReadonlySet<string>): string | null {
  if (hasWorkspaces(pkg, paths)) return 'it has workspaces'
  // Yarn itself, its plugins and patches may be in .yarn.
  if (install.program === 'yarn-berry') return 'Yarn 2 and later read more than the lock file'
  const all = { ...pkg.dependencies, ...pkg.optionalDependencies, ...pkg.devDependencies, ...pkg.resolutions }
  const local = Object.entries(all).find(([, version]) => isLocal(version))
  if (local) return `the dependency ${shortened(local[0])} is a path`
  if (pkg.pnpm?.patchedDependencies !== undefined || [...paths].some(path => path.startsWith('patches/')))
    return 'it patches dependencies'
  if (all['@prisma/client'] !== undefined && [...paths].some(path => path.endsWith('.prisma')))
    return "@prisma/client is made from the repository's schema"
  const script = ownInstallScript(pkg)
  return script === undefined ? null : `it has a script "${script}"`
}

function isLocal(version: unknown): boolean {
  return typeof version === 'string' && /^(?:file:|link:|portal:|patch:|workspace:|\.{0,2}\/|~\/)/.test(version)
}

function warnings(pkg: Package, install: Install | null, files: NodeFiles): readonly string[] {
  const { paths } = files
  const found: string[] = []
  if (install?.locked === false && hasDependencies(pkg)) {
    const other = paths.has('deno.lock') ? 'deno.lock' : null
    found.push(
      `there is no lock file${other ? ` that is read here (${other} is not)` : ''}: what is installed may be other versions than you tried. "${install.program} install" writes one; commit it`,
    )
  }
  if ([...paths].some(path => path.startsWith('node_modules/'))) {
    found.push('node_modules is in the repository; it is left out, dependencies are installed from the lock file')
  }
  if (install?.program === 'yarn-berry' && !install.prunes) {
    found.push(
      'development dependencies stay in the image: commit .yarn after "yarn plugin import workspace-tools", or use Yarn 4',
    )
  }
  return found
}
