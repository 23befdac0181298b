import { shortened } from '../../core/bounds.ts'
import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { formatAmount, type Limits } from '../../core/limits.ts'
import { streamGit, type GitProgram } from './program.ts'
import type { TreeEntry, TreeFacts } from '../repository.ts'

export type TreeLimits = Pick<Limits, 'fileBytes' | 'treeBytes' | 'treePaths'>

interface Walk {
  readonly program: GitProgram
  readonly gitDir: string
  readonly treeish: string
  readonly limits: TreeLimits
}

interface Step {
  /** Of all up to here. */
  readonly facts: TreeFacts
  /** Null: a folder. */
  readonly entry: TreeEntry | null
}

const kinds: Readonly<Record<string, TreeEntry['kind']>> = { 100755: 'executable', 120000: 'link', 160000: 'submodule' }
const reportedSubmodules = 20
/** Mode, kind, id, size: what stands before a path (bytes). */
const headBytes = 100

/**
 * The entries of a tree, folders too, as git tells them: a few trees that name each other stand for millions of paths, so
 * the walk ends at the first that is too much, and git with it. Rejects `invalid-input` with the name of the limit.
 */
export async function* walkTree({ program, gitDir, treeish, limits }: Walk, signal: AbortSignal): AsyncGenerator<Step> {
  // With `-t`: folders without any file in them would be walked in silence, for ever.
  const args = [`--git-dir=${gitDir}`, 'ls-tree', '-r', '-t', '-l', '-z', '--full-tree', treeish]
  const meter = new Meter(limits)
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of streamGit(program, args, signal)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, start)) {
      yield meter.take(bytes.subarray(start, end))
      start = end + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > headBytes + defaults.pathBytes) throw longPath()
  }
}

/** Rejects as a walk would: limits may have changed since. */
export function requireWithin({ paths, bytes, largest }: TreeFacts, limits: TreeLimits): void {
  if (paths > limits.treePaths) {
    throw tooMuch(`the commit has more than ${limits.treePaths} files and folders`, 'treePaths')
  }
  if (largest > limits.fileBytes) {
    throw tooMuch(`a file of the commit is larger than ${formatAmount(limits.fileBytes, 'bytes')}`, 'fileBytes')
  }
  if (bytes > limits.treeBytes) {
    throw tooMuch(`the files of the commit are more than ${formatAmount(limits.treeBytes, 'bytes')}`, 'treeBytes')
  }
}

class Meter {
  readonly #limits: TreeLimits
  readonly #submodules: string[] = []
  #paths = 0
  #bytes = 0
  #largest = 0
  #pathBytes = 0

  constructor(limits: TreeLimits) {
    this.#limits = limits
  }

  take(line: Buffer): Step {
    const tab = line.indexOf(0x09)
    const [mode = '', , id = '', size = ''] = line.toString('latin1', 0, tab).split(/ +/)
    const path = line.toString('utf8', tab + 1)
    this.#path(line.subarray(tab + 1))
    const kind = kinds[mode] ?? 'file'
    const bytes = /^\d+$/.test(size) ? Number(size) : 0
    this.#paths++
    this.#bytes += bytes
    this.#largest = Math.max(this.#largest, bytes)
    if (bytes > this.#limits.fileBytes) throw this.#file(path, 'fileBytes', this.#limits.fileBytes)
    if (kind === 'link' && bytes > linkBytes) throw this.#file(path, 'pathBytes', linkBytes)
    if (kind === 'submodule' && this.#submodules.length < reportedSubmodules) this.#submodules.push(shortened(path))
    const facts = {
      paths: this.#paths,
      bytes: this.#bytes,
      largest: this.#largest,
      submodules: this.#submodules,
    }
    requireWithin(facts, this.#limits)
    return { facts, entry: mode === '040000' ? null : { path, kind, id } }
  }

  #path(path: Buffer): void {
    if (path.length > defaults.pathBytes) throw longPath()
    this.#pathBytes += path.length
    if (this.#pathBytes > defaults.treePathBytes) {
      throw tooMuch(
        `the paths of the commit are more than ${formatAmount(defaults.treePathBytes, 'bytes')}`,
        'treePathBytes',
      )
    }
    let depth = 0
    for (const byte of path) if (byte === slash) depth++
    if (depth > defaults.treeDepth) {
      throw tooMuch(`folders of the commit are nested more than ${defaults.treeDepth} deep`, 'treeDepth')
    }
  }

  #file(path: string, limit: string, most: number): AppError {
    return tooMuch(`${shortened(path)} is larger than ${formatAmount(most, 'bytes')}`, limit)
  }
}

const slash = 0x2f
/** What Linux takes as a link's target. */
const linkBytes = 4096

function longPath(): AppError {
  return tooMuch(`a path of the commit is longer than ${defaults.pathBytes} bytes`, 'pathBytes')
}

function tooMuch(what: string, limit: string): AppError {
  return new AppError('invalid-input', what, {
    hint: `This is the limit ${limit}: "lading limits" shows it. Keep what is generated or large out of the repository.`,
  })
}
