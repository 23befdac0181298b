import { shortened } from '../../../core/bounds.ts'
import { AppError } from '../../../core/errors.ts'
import { glance, type Files } from '../../files.ts'
import { satisfies } from '../version-range.ts'

/** Of Debian 13; its patch level is what Debian has that day. */
export const version = '3.3'

/** What Gemfile and Gemfile.lock say. */
export interface Gemfile {
  readonly locked: boolean
  /** Whether a gem is among them. */
  readonly has: (gem: string) => boolean
  /** Gems are paths of the repository, or lie in it. */
  readonly needsCode: boolean
  /** Every gem lies in the repository, as "bundle cache" leaves them: no registry is asked. */
  readonly isVendored: boolean
  /** The Gemfile names one patch level, which is no other's: it is made to mean its minor version. */
  readonly isExact: boolean
  /** Files that decide what is installed. */
  readonly manifests: readonly string[]
  readonly warnings: readonly string[]
}

/** Null: there is no Gemfile. Rejects `build-failed` for a Ruby that cannot be had. */
export async function readGemfile(files: Files): Promise<Gemfile | null> {
  const text = await files.text('Gemfile', glance)
  if (text === null) return null
  const paths = await files.paths()
  const lock = await files.text('Gemfile.lock', glance)
  const dotVersion = await files.text('.ruby-version', glance)
  const [, own] = /^\s*ruby[\s(]+["']([^"']+)["']/m.exec(text) ?? []
  const fromFile = /^\s*ruby[\s(]+file:\s*["']\.ruby-version["']/m.test(text)
  requireVersion('Gemfile', own ?? (fromFile ? numberIn(dotVersion) : undefined))
  const [, locked] = /^RUBY VERSION\n\s+ruby (\d+\.\d+\.\d+)/m.exec(lock ?? '') ?? []
  const wish = own === undefined && !fromFile ? (numberIn(dotVersion) ?? locked) : undefined
  const isVendored = [...paths].some(path => path.startsWith('vendor/cache/') && path.endsWith('.gem'))
  const names = new Set([
    ...[...text.matchAll(/^\s*gem[\s(]+["']([\w.-]+)["']/gm)].map(([, name = '']) => name),
    ...[...(lock ?? '').matchAll(/^ {4}([\w.-]+) \(/gm)].map(([, name = '']) => name),
  ])
  return {
    locked: lock !== null,
    has: gem => names.has(gem),
    isVendored,
    isExact: isExact(own),
    needsCode: /^\s*gemspec\b/m.test(text) || /\b(?:path:|:path\s*=>)/.test(text) || isVendored || isExact(own),
    manifests: ['Gemfile', 'Gemfile.lock', '.ruby-version'].filter(path => paths.has(path)),
    warnings: [
      ...(isExact(own) ? [`the Gemfile asks for Ruby ${own}; this image has the last ${version} of Debian`] : []),
      ...(wish && !wish.startsWith(`${version}.`)
        ? [`the repository asks for Ruby ${wish}; this image has Ruby ${version}`]
        : []),
      ...(lock === null
        ? ['there is no Gemfile.lock: another install may get other versions than you tried. "bundle lock" writes one']
        : []),
    ],
  }
}

function isExact(range: string | undefined): boolean {
  return range !== undefined && /^\d+\.\d+\.\d+$/.test(range) && range.startsWith(`${version}.`)
}

/** Bundler starts nothing with another Ruby than the Gemfile names. */
function requireVersion(file: string, range: string | undefined): void {
  if (range === undefined || isExact(range)) return
  // `~> 3.3` is up to 4, `~> 3.3.1` up to 3.4.
  const written = range.replace(/^~>\s*(\d+\.\d+)$/, '^$1').replaceAll(',', ' ')
  if (satisfies(`${version}.99`, written) !== false) return
  throw new AppError(
    'build-failed',
    `${file} asks for Ruby ${shortened(range, 60)}; there is ${version}, of Debian 13`,
    {
      hint: `Write ruby "~> ${version}.0" in the Gemfile, or add a Dockerfile with the Ruby you need.`,
    },
  )
}

function numberIn(text: string | null): string | undefined {
  return /(?:^|ruby-)(\d+\.\d+(?:\.\d+)?)/.exec(text?.trim() ?? '')?.[1]
}
