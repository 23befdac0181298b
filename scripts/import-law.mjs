// The import law of ARCHITECTURE.md over the import statements of src/. It reads text, not types: an import that a
// reader can see is an import. `violations(path, source)` gives one sentence for each broken rule.
import { posix } from 'node:path'

const STAGES = ['commit', 'build', 'verify', 'release', 'rollout']
const ROOTS = ['server', 'keeper', 'follower', 'cli', 'install']
const LISTENERS = ['access', 'api']
/** Contracts: types for everybody, and the small pure functions that stand beside them. */
const PORTS = [
  'src/docker/engine.ts',
  'src/edge/edges.ts',
  'src/observe/retained-logs.ts',
  'src/commit/repository.ts',
  'src/build/builder.ts',
  'src/store/store.ts',
  'src/pipeline/pipeline.ts',
  'src/backup/backups.ts',
  'src/services/services.ts',
  'src/services/kinds.ts',
  'src/services/storage.ts',
]
/** The shared primitives: everybody imports them, they import nothing but what core says of the world. */
const LIB = 'lib'
/** The one file of lib that reaches outside the process; core may not import it. */
const LIB_FILES = 'src/lib/files.ts'
/** The one file of core whose values lib uses; of the others it knows types (the clock). */
const ERRORS = 'src/core/errors.ts'
/** What core, and lib but for its files, may use of Node: nothing that reaches outside the process. */
const PURE_NODE = ['node:util', 'node:crypto']
/** The one adapter in core: the machine's clock, timers and chance. */
const SYSTEM = 'src/core/system.ts'

const IMPORT =
  /^(?:import|export)\b(?<what>[^'"`;]*?)\bfrom\s*['"](?<from>[^'"]+)['"]|^import\s*['"](?<bare>[^'"]+)['"]/gm

export function importsOf(source) {
  const withoutComments = source.replace(/\/\*[\s\S]*?\*\//g, '')
  return [...withoutComments.matchAll(IMPORT)].map(({ groups }) => ({
    from: groups.from ?? groups.bare,
    isType: /^\s*type\b/.test(groups.what ?? ''),
  }))
}

export function violations(path, source) {
  if (isTest(path)) return []
  const from = folderOf(path)
  const imports = importsOf(source).map(({ from: target, isType }) => ({
    target: target.startsWith('.') ? posix.join(posix.dirname(path), target) : target,
    isType,
  }))
  const broken = imports.flatMap(({ target, isType }) => {
    const why = refusal({ path, from, target, isType })
    return why === null ? [] : [`${path} imports ${target}: ${why}`]
  })
  if (/\bprocess\.env\b/.test(source) && !(ROOTS.includes(from) && path.endsWith('/config.ts'))) {
    broken.push(`${path} reads process.env: only a root's config.ts does`)
  }
  return broken
}

/** Null: it may. */
function refusal({ path, from, target, isType }) {
  const isOurs = target.startsWith('src/')
  if (from === 'core') {
    const isPure = folderOf(target) === 'core' || (folderOf(target) === LIB && target !== LIB_FILES)
    if (isOurs ? isPure : PURE_NODE.includes(target) || path === SYSTEM) return null
    return 'core imports only core, the pure part of lib, and node: modules without I/O'
  }
  if (from === LIB) {
    const mayUse = folderOf(target) === LIB || target === ERRORS || (folderOf(target) === 'core' && isType)
    if (isOurs ? mayUse : PURE_NODE.includes(target) || path === LIB_FILES) return null
    return 'lib imports only lib, types of core, its errors, and (but for lib/files.ts) node: modules without I/O'
  }
  if (target.startsWith('test/')) return 'a double is for tests'
  if (!isOurs) return null
  const to = folderOf(target)
  if (to === from || to === 'core' || to === LIB) return null
  if (ROOTS.includes(to)) return 'nothing imports a root'
  if (ROOTS.includes(from)) return null
  if (PORTS.includes(target)) {
    return STAGES.includes(from) && STAGES.includes(to) && !isType ? 'of another stage, only the port as a type' : null
  }
  if (from === 'pipeline' && to === 'commit') return 'commit calls the pipeline; back goes only the port'
  if (STAGES.includes(to)) {
    if (from === 'pipeline') return null
    return isType && !STAGES.includes(from) ? null : 'only the pipeline and the roots import a stage'
  }
  if (to === 'access' && LISTENERS.includes(from)) return null
  return isType ? null : 'only roots import adapters; take the port as a parameter'
}

function folderOf(path) {
  return path.split('/')[1] ?? ''
}

function isTest(path) {
  return path.endsWith('.test.ts')
}
