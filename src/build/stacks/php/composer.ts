import { requireFlatJson, shortened } from '../../../core/bounds.ts'
import { defaults } from '../../../core/defaults.ts'
import { AppError } from '../../../core/errors.ts'
import type { Files } from '../../source.ts'
import { satisfies } from '../version-range.ts'

/** Of Debian 13. */
export const version = '8.4'

/** What composer.json and composer.lock say. */
export interface Composer {
  /** There is a composer.lock. */
  readonly locked: boolean
  /** Names of packages that composer.json requires. */
  readonly requires: ReadonlySet<string>
  /** Extensions of PHP that it or a locked package requires, without `ext-`. */
  readonly extensions: readonly string[]
  /** A package is a path of the repository. */
  readonly needsCode: boolean
}

/** Null: there is no composer.json. Rejects `invalid-input` for one that is none, and `build-failed` for another PHP. */
export async function readComposer(files: Files): Promise<Composer | null> {
  const text = await files.text('composer.json')
  if (text === null) return null
  const json = parse(text)
  const requires = keysOf(json['require'])
  const range = requires['php']
  if (range !== undefined && satisfies(`${version}.99`, rangeOf(range)) === false) {
    throw new AppError('build-failed', `composer.json asks for PHP ${shortened(range, 60)}; there is ${version}`, {
      hint: `Allow it ("php": "${shortened(range, 60)} || ^${version}"), or add a Dockerfile with the one you need.`,
    })
  }
  const lock = await files.text('composer.lock')
  return {
    locked: lock !== null,
    requires: new Set(Object.keys(requires)),
    extensions: [...new Set([...extensionsIn(Object.keys(requires)), ...lockedExtensions(lock ?? '')])].sort(),
    needsCode: /"type"\s*:\s*"path"/.test(text),
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  const name = 'composer.json'
  requireFlatJson(text, {
    name,
    bytes: defaults.packageJsonBytes,
    depth: defaults.jsonDepth,
    values: defaults.jsonValues,
  })
  try {
    const json = JSON.parse(text) as unknown
    if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new AppError('invalid-input', `${name}: ${shortened(error.message)}`)
  }
  throw new AppError('invalid-input', `${name} is not an object`)
}

/** Of an object, the pairs whose value is text. */
function keysOf(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(value !== null && typeof value === 'object' ? value : {})
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
}

/** Of each package that is not for development; read without parsing, for a lock file may be cut off where it is long. */
function lockedExtensions(lock: string): readonly string[] {
  const [production = ''] = lock.split('"packages-dev":', 1)
  return [...production.matchAll(/"require"\s*:\s*\{([^{}]*)\}/g)].flatMap(([, body = '']) =>
    extensionsIn([...body.matchAll(/"([\w./-]+)"\s*:/g)].map(([, name = '']) => name)),
  )
}

function extensionsIn(names: readonly string[]): readonly string[] {
  return names.flatMap(name => /^ext-([a-z0-9_-]+)$/i.exec(name)?.[1]?.toLowerCase() ?? [])
}

/** Composer writes `|` and `,` where others write `||` and a blank. */
function rangeOf(range: string): string {
  return range
    .replace(/\s*\|\|?\s*/g, ' || ')
    .replace(/,/g, ' ')
    .trim()
}
