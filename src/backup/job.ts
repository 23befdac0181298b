import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { s3Access } from './s3-access.ts'

/** Where the backup program reads its job (a file descriptor): no passphrase stands in a list of processes. */
export const jobDescriptor = 3

/** Of a backing service (src/services/storage.ts). */
const name = z.string().regex(/^service-[a-z0-9-]+-\d{8}T\d{6}Z(?:\.auto)?\.age$/)
const place = { to: z.string(), s3: s3Access.nullable() }

/** What the backup program is told. It runs beside the control plane, whose own work must not wait. */
export const job = z.discriminatedUnion('do', [
  /** The file on standard output. Null: the recovery code is its passphrase. */
  z.strictObject({ do: z.literal('pack'), passphrase: z.string().min(1).nullable() }),
  /** Opens the backup on standard input, in a place that goes afterwards; a result on standard output. */
  z.strictObject({ do: z.literal('verify') }),
  /** Packs to a place, opens what lies there then, and removes what is superfluous; a result on standard output. */
  z.strictObject({ do: z.literal('keep'), ...place, keep: z.number().int().positive() }),
  /** What lies at a place, on standard output. */
  z.strictObject({ do: z.literal('list'), ...place }),
  /** Encrypts standard input to a place, whole or not at all; `written` on standard output. */
  z.strictObject({ do: z.literal('put'), ...place, name }),
  /** Decrypts what lies at a place, on standard output. */
  z.strictObject({ do: z.literal('read'), ...place, name }),
  z.strictObject({ do: z.literal('remove'), ...place, name }),
])

export type Job = z.infer<typeof job>

export const keptList = z.array(z.strictObject({ name: z.string(), size: z.number() }))

/** Bytes at the place. */
export const written = z.strictObject({ size: z.number() })

export type Written = z.infer<typeof written>

export const verified = z.strictObject({ apps: z.number(), releases: z.number(), repositories: z.number() })

export type Verified = z.infer<typeof verified>

export const result = z.strictObject({
  name: z.string(),
  /** Bytes. */
  size: z.number(),
  apps: z.number(),
  /** Names of those that went. */
  removed: z.array(z.string()),
})

export type Result = z.infer<typeof result>

/** How the program says that it failed: one line on standard error, after whatever else stands there. */
export const failure = z.strictObject({
  failed: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    details: z.array(z.string()),
  }),
})

export function failureLine({ code, message, hint, details }: AppError): string {
  return `${JSON.stringify({ failed: { code, message, ...(hint === undefined ? {} : { hint }), details } })}\n`
}

/** The failure that the program told last; null: it told none. */
export function readFailure(stderr: string): AppError | null {
  for (const line of stderr.trimEnd().split('\n').toReversed()) {
    if (!line.startsWith('{"failed"')) continue
    const { failed } = failure.parse(JSON.parse(line))
    const { message, hint, details } = failed
    return new AppError(failed.code as AppError['code'], message, { ...(hint === undefined ? {} : { hint }), details })
  }
  return null
}
