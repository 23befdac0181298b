import { readdir } from 'node:fs/promises'
import { debianSuite } from '../images/recipes.ts'
import { readIfThere } from '../../lib/files.ts'
import { runProgram } from './run-program.ts'

/**
 * The mirror that this machine's apt uses, for images: the first address of a Debian archive in its sources, old form
 * (`deb …`) or new (`URIs: …`). Null: none, or Debian's own, which mmdebstrap takes by itself.
 */
export function mirrorOf(sources: string): string | null {
  const addresses = [...sources.matchAll(/^(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)(https?:\/\/\S+)/gm)].map(
    match => match[1] ?? '',
  )
  const mirror = addresses.find(address => /\/debian\/?$/.test(address))
  return mirror === undefined || /^https?:\/\/(?:deb|ftp)\.debian\.org\//.test(mirror)
    ? null
    : mirror.replace(/\/$/, '')
}

/** The sources of images as mmdebstrap takes them; nothing for Debian's own mirror. */
export function sourceLines(mirror: string | null): string[] {
  if (mirror === null) return []
  return [
    `deb ${mirror} ${debianSuite} main`,
    `deb ${mirror} ${debianSuite}-updates main`,
    `deb http://security.debian.org/debian-security ${debianSuite}-security main`,
  ]
}

export async function readSources(): Promise<string> {
  const folder = '/etc/apt/sources.list.d'
  const files = (await readdir(folder)).filter(name => /\.(list|sources)$/.test(name)).sort()
  const texts = ['/etc/apt/sources.list', ...files.map(name => `${folder}/${name}`)].map(readIfThere)
  return (await Promise.all(texts)).map(text => text ?? '').join('\n')
}

/** The proxy that this machine's apt uses; null: none. Builds get it as `http_proxy`. */
export async function aptProxy(signal: AbortSignal): Promise<string | null> {
  const value = await runProgram('apt-config', ['dump', '--format', '%v%n', 'Acquire::http::Proxy'], {}, signal)
  return value === '' || value === 'DIRECT' ? null : value
}
