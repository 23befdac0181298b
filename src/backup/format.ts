import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import type { AppName } from '../core/names.ts'
import { parseAppName } from '../core/names.ts'

/** First file of a backup: what is in it, and where it came from. */
const schema = z.strictObject({
  format: z.literal(1),
  /** Of Lading. */
  version: z.string(),
  made: z.iso.datetime(),
  baseDomain: z.string(),
  node: z.string(),
  apps: z.array(
    z.strictObject({
      app: z.string(),
      /** A repository without a commit has none. */
      hasBundle: z.boolean(),
    }),
  ),
  /** Of every release that a rollback could go back to; the images themselves are not in the file. */
  images: z.array(z.string()),
})

export type Manifest = z.infer<typeof schema>

/** Rejects `invalid-input`, with the way out where a newer Lading wrote it. */
export function parseManifest(text: string): Manifest {
  const json = JSON.parse(text) as { readonly format?: unknown; readonly version?: unknown }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  if (typeof json.format === 'number' && json.format > 1)
    throw new AppError('invalid-input', `the backup was made by Lading ${String(json.version)}, which is newer`, {
      hint: 'Restore it with that version.',
    })
  throw new AppError('invalid-input', `this is not a backup of Lading: ${z.prettifyError(parsed.error)}`)
}

/** Names of the files in a backup. */
export const entry = {
  manifest: 'lading-backup.json',
  recoveryCode: 'keys/recovery-code',
  token: 'keys/token',
  registryToken: 'keys/registry-token',
  caKey: 'ca/ca.key',
  caCertificate: 'ca/ca.pem',
  store: 'store/lading.db',
  bundle: (app: AppName) => `git/${app}.bundle`,
} as const

const fixed: readonly string[] = Object.values(entry).filter(name => typeof name === 'string')

/** Nothing else is unpacked: a file that someone made must not choose where it lands. */
export function isEntry(path: string): boolean {
  if (fixed.includes(path)) return true
  const [, name] = /^git\/([^/]+)\.bundle$/.exec(path) ?? []
  if (name === undefined) return false
  try {
    return parseAppName(name) === name
  } catch {
    return false
  }
}
