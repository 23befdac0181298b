import { GiB, MiB } from '../lib/format.ts'
import { defaults } from './defaults.ts'
import { AppError } from './errors.ts'

type Unit = 'bytes' | 'seconds' | 'CPUs' | 'share' | 'count'

/** What an operator may set (docs/design/limits.md). The default stands in core/defaults.ts. */
interface Rule {
  readonly unit: Unit
  readonly least: number
  readonly most: number
  /** What it bounds. */
  readonly of: string
  /** From when on a new value holds. */
  readonly from: 'at once' | 'the next release of each app' | 'the next build' | 'the next start of the builder'
}

export const rules = {
  pids: {
    unit: 'count',
    least: 16,
    most: 65_536,
    of: 'processes and threads of a process',
    from: 'the next release of each app',
  },
  tmpBytes: {
    unit: 'bytes',
    least: MiB,
    most: 64 * GiB,
    of: "a process's /tmp, in its memory",
    from: 'the next release of each app',
  },
  openFiles: {
    unit: 'count',
    least: 256,
    most: 1_048_576,
    of: 'open files of a process',
    from: 'the next release of each app',
  },
  reservedMemoryShare: {
    unit: 'share',
    least: 0,
    most: 1,
    of: "a process's memory that no other is promised",
    from: 'the next release of each app',
  },
  releasePhaseSeconds: { unit: 'seconds', least: 10, most: 86_400, of: 'a release phase', from: 'at once' },
  stepsAtOnce: { unit: 'count', least: 1, most: 64, of: 'steps of verify under way', from: 'at once' },
  stepMemory: { unit: 'bytes', least: 64 * MiB, most: 1024 * GiB, of: 'a step of verify', from: 'at once' },
  stepCpus: { unit: 'CPUs', least: 0.1, most: 256, of: 'a step of verify', from: 'at once' },
  configBytes: { unit: 'bytes', least: 1024, most: 256 * 1024, of: 'the config of an environment', from: 'at once' },
  pushBytes: { unit: 'bytes', least: MiB, most: 64 * GiB, of: 'the pack of a push', from: 'at once' },
  fileBytes: { unit: 'bytes', least: MiB, most: 64 * GiB, of: 'one file of a commit, unpacked', from: 'at once' },
  treeBytes: { unit: 'bytes', least: MiB, most: 256 * GiB, of: 'the files of a commit, unpacked', from: 'at once' },
  treePaths: { unit: 'count', least: 100, most: 500_000, of: 'files and folders of a commit', from: 'at once' },
  repositoryBytes: { unit: 'bytes', least: MiB, most: 1024 * GiB, of: "an app's git repository", from: 'at once' },
  pushFreeBytes: {
    unit: 'bytes',
    least: 0,
    most: 1024 * GiB,
    of: 'free disk, which no push takes',
    from: 'at once',
  },
  guardFreeBytes: {
    unit: 'bytes',
    least: 0,
    most: 1024 * GiB,
    of: 'free disk, below which the app that wrote most is stopped',
    from: 'at once',
  },
  guardAppBytes: {
    unit: 'bytes',
    least: MiB,
    most: 1024 * GiB,
    of: 'what a process type has written, before it is stopped for it',
    from: 'at once',
  },
  imagesKept: {
    unit: 'count',
    least: 1,
    most: 1000,
    of: 'images of an environment, as far as a rollback goes back',
    from: 'at once',
  },
  runsKept: {
    unit: 'count',
    least: 10,
    most: 100_000,
    of: 'runs of an environment that keep their lines',
    from: 'at once',
  },
  buildSeconds: { unit: 'seconds', least: 10, most: 86_400, of: 'a build', from: 'the next build' },
  buildDiskBytes: {
    unit: 'bytes',
    least: 0,
    most: 1024 * GiB,
    of: 'free disk, below which no build begins',
    from: 'the next build',
  },
  buildsAtOnce: { unit: 'count', least: 1, most: 16, of: 'builds under way', from: 'the next build' },
  buildMemory: {
    unit: 'bytes',
    least: 768 * MiB,
    most: 1024 * GiB,
    of: 'the whole builder',
    from: 'the next start of the builder',
  },
  buildCpus: { unit: 'CPUs', least: 0.1, most: 256, of: 'the whole builder', from: 'the next start of the builder' },
  buildPids: {
    unit: 'count',
    least: 1024,
    most: 65_536,
    of: 'processes and threads of the whole builder',
    from: 'the next start of the builder',
  },
  sourceConnections: {
    unit: 'count',
    least: 20,
    most: 20_000,
    of: 'open connections of one address at an edge; load balancers (--balancers of lading up) are not counted',
    from: 'at once',
  },
  sourceRequestsPerSecond: {
    unit: 'count',
    least: 10,
    most: 100_000,
    of: 'requests of one address in a second, over ten seconds; load balancers are not counted',
    from: 'at once',
  },
  builderIdleSeconds: {
    unit: 'seconds',
    least: 10,
    most: 86_400,
    of: 'an idle builder, before it is stopped',
    from: 'at once',
  },
} as const satisfies Partial<Record<keyof typeof defaults, Rule>>

export type LimitName = keyof typeof rules
export type Limits = Readonly<Record<LimitName, number>>

/** What every edge is told. */
export function sourceLimitsOf({ sourceConnections, sourceRequestsPerSecond }: Limits) {
  return { connections: sourceConnections, requestsPerSecond: sourceRequestsPerSecond }
}

export const limitNames = Object.keys(rules) as readonly LimitName[]

export const defaultLimits: Limits = Object.fromEntries(limitNames.map(name => [name, defaults[name]])) as Limits

/** What no operator sets: the reason stands beside it. */
export const fixedLimits = {
  warmMs: 'the time that rollouts are made and tested for',
  crashesBeforeFailure: 'the number that rollouts are made and tested for',
  logBytes: 'the engine rotates the logs of each container; those that exist keep what they were made with',
  logFiles: 'as logBytes',
  logKeptBytes: 'the log follower of each node has it from its own version',
  logSegmentBytes: 'as logKeptBytes',
  logLinesPerSecond: 'as logKeptBytes',
  logLinesBurst: 'as logKeptBytes',
  logStrangersPerSecond: 'as logKeptBytes',
  logStrangersBurst: 'as logKeptBytes',
  logFreeBytes: 'as logKeptBytes',
  logIdleMs: 'as logKeptBytes',
  shmBytes: "the engine's own, for each container",
  requestHeaderBytes: "the edge's buffers",
  treeDepth: 'tools that walk folders fail above it',
  pathBytes: 'as treeDepth',
  treePathBytes: 'the control plane holds them in memory',
  gitObjectBytes: 'git holds a commit, a tag and a folder in memory',
  gitMemoryBytes: 'what git is given of the memory of the control plane',
  refsOfPush: 'each is judged by itself',
  ladingYamlBytes: 'read by the control plane itself, which must answer others meanwhile',
  ladingYamlTokens: 'as ladingYamlBytes',
  ladingYamlPieces: 'as ladingYamlBytes',
  procfileBytes: 'as ladingYamlBytes',
  processTypes: 'each is a service of the cluster',
  dockerfileBytes: 'as ladingYamlBytes',
  dockerfileImages: 'each is looked for before the build',
  imageNameCharacters: 'registries take shorter ones',
  dockerfileArgCharacters: 'as ladingYamlBytes',
  dockerignoreBytes: 'each path of a commit is compared with each of its lines',
  siteRulesBytes: 'each path that is asked for is compared with each of their lines',
  packageJsonBytes: 'as ladingYamlBytes',
  jsonDepth: 'as ladingYamlBytes',
  jsonValues: 'as ladingYamlBytes',
  imageDocumentBytes: 'as ladingYamlBytes',
  cleaningMs: 'lading clean does it now',
  outputLines: 'the rest of a long output is left out',
  outputCharactersOfLine: 'as outputLines',
  stepSeconds: 'a step says its own timeout in lading.yaml',
  verifySteps: 'each is a container',
  reportBytes: 'as ladingYamlBytes',
  provingSeconds: 'lading up and lading upgrade take --patience',
  leaseMs: 'all parts of the platform must agree on it',
} as const satisfies Partial<Record<keyof typeof defaults, string>>

/** Networks that a node has a route to are closed to apps and builds. */
export const privateNetworksDefault = 'deny-own'

/** What is decided on the node, by its root, and told to the control plane. */
export const nodeLimits = {
  privateNetworks: 'lading up takes --private-networks: what apps and builds may reach of private networks',
} as const

export function parseLimitName(text: string): LimitName {
  if (Object.hasOwn(rules, text)) return text as LimitName
  const fixed: Readonly<Record<string, string>> = { ...fixedLimits, ...nodeLimits }
  const why = Object.hasOwn(fixed, text) ? fixed[text] : undefined
  if (why !== undefined) throw new AppError('invalid-input', `${text} is fixed: ${why}`)
  const isOfApp = Object.hasOwn(defaults.settings, text)
  throw new AppError('invalid-input', `there is no limit ${JSON.stringify(text)}`, {
    hint: isOfApp ? 'An app sets it for itself, in its lading.yaml.' : '"lading limits" lists them.',
  })
}

/** `1024`, and for bytes also `256M`, `2G` (powers of 1024). Rejects `invalid-input` outside of the limit's bounds. */
export function parseLimit(name: LimitName, text: string): number {
  const rule: Rule = rules[name]
  const value = numberOf(text, rule.unit)
  if (value !== null && value >= rule.least && value <= rule.most) return value
  throw new AppError('invalid-input', `${name} cannot be ${JSON.stringify(text)}`, {
    hint: `It is ${whatIs(rule.unit)} from ${formatAmount(rule.least, rule.unit)} to ${formatAmount(rule.most, rule.unit)}.`,
  })
}

function numberOf(text: string, unit: Unit): number | null {
  const [, digits, scale = ''] = /^([0-9]{1,15}(?:\.[0-9]{1,3})?)([KMG]?)$/.exec(text) ?? []
  if (digits === undefined || (scale !== '' && unit !== 'bytes')) return null
  const value = Number(digits) * { '': 1, K: 1024, M: MiB, G: GiB }[scale as '' | 'K' | 'M' | 'G']
  return unit === 'CPUs' || unit === 'share' || Number.isInteger(value) ? value : null
}

function whatIs(unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return 'a number of bytes, also as 512K, 256M, 2G,'
    case 'seconds':
      return 'a whole number of seconds'
    case 'CPUs':
    case 'share':
      return 'a number'
    case 'count':
      return 'a whole number'
  }
}

/** `256 MiB`, `30 min`: as people read it. */
export function formatAmount(value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes': {
      const [scale, name] = value >= GiB ? [GiB, 'GiB'] : value >= MiB ? [MiB, 'MiB'] : [1024, 'KiB']
      return value === 0 ? '0' : `${Number((value / scale).toFixed(3))} ${name}`
    }
    case 'seconds':
      return value % 60 === 0 ? `${value / 60} min` : `${value} s`
    case 'CPUs':
      return `${value} CPUs`
    case 'share':
    case 'count':
      return String(value)
  }
}
