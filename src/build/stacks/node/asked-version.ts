import { type Files, glance } from '../../files.ts'

/** A version of Node that the repository asks for, beside `engines` in package.json. */
export interface AskedVersion {
  readonly file: string
  /** As the file says it. */
  readonly text: string
  /** Its major version. */
  readonly major: string
}

/** Source: https://nodejs.org/en/about/previous-releases */
const codeNames: Readonly<Record<string, string>> = {
  fermium: '14',
  gallium: '16',
  hydrogen: '18',
  iron: '20',
  jod: '22',
  krypton: '24',
}

/** Null: none, or one that any version is (`node`, `lts/*`). */
export async function askedVersion(files: Files): Promise<AskedVersion | null> {
  for (const file of ['.nvmrc', '.node-version', '.tool-versions']) {
    const text = await files.text(file, glance)
    const line = file === '.tool-versions' ? /^node(?:js)?\s+(\S+)/m.exec(text ?? '')?.[1] : text?.trim().split('\n')[0]
    const major = majorOf(line?.trim() ?? '')
    if (line !== undefined && major !== null) return { file, text: line.trim(), major }
  }
  return null
}

function majorOf(text: string): string | null {
  const [, name] = /^lts\/(\w+)$/i.exec(text) ?? []
  if (name !== undefined) return codeNames[name.toLowerCase()] ?? null
  return /^v?(\d+)/.exec(text)?.[1] ?? null
}
