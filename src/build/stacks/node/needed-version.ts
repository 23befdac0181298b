import type { Package } from './package.ts'

/** What a dependency runs on, where it is not to be had of every Node. */
export interface NeededNode {
  /** `next 16` */
  readonly by: string
  /** As `engines` says it: `>=20.9.0`. */
  readonly range: string
}

/** Frameworks that refuse an older Node when they build, by the first major that does. Source: `engines` of each on npm. */
const known = [
  ['next', 16, '>=20.9.0'],
  ['next', 15, '^18.18.0 || ^19.8.0 || >=20.0.0'],
  ['vite', 7, '^20.19.0 || >=22.12.0'],
  ['nuxt', 4, '^20.19.0 || >=22.12.0'],
  ['astro', 6, '>=22.12.0'],
  ['astro', 5, '18.20.8 || ^20.3.0 || >=22.0.0'],
  ['react-router', 8, '>=22.22.0'],
  ['react-router', 7, '>=20.0.0'],
] as const

/** Null: no dependency is known to need more than any Node that there is. */
export function neededNode(pkg: Package): NeededNode | null {
  const all = { ...pkg.devDependencies, ...pkg.dependencies }
  for (const [name, major, range] of known) {
    const text = Object.hasOwn(all, name) ? all[name] : undefined
    const asked = text === undefined ? null : majorOf(text)
    if (asked !== null && asked >= major) return { by: `${name} ${asked === Infinity ? major : asked}`, range }
  }
  return null
}

/** Of a wish such as `^16.1.0`; Infinity: whatever is newest. Null: it is none of a registry's versions. */
function majorOf(text: string): number | null {
  if (/^(?:latest|next|canary|beta|rc|\*|x|>=.*)?$/.test(text.trim())) return Infinity
  const [, major] = /^[~^=v]*\s*(\d+)/.exec(text.trim()) ?? []
  return major === undefined ? null : Number(major)
}
