import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { paths } from '../paths.ts'
import { serviceSpec } from '../platform/platform-service.ts'

/**
 * The last upgrade of this machine, /etc/lading/upgrade.json (0600): written before anything that serves is touched, so
 * that whoever runs `up` or `upgrade` next can finish it, or end its way back.
 */
const schema = z.strictObject({
  version: z.literal(1),
  state: z
    .enum(['forward', 'back', 'putting-back', 'done', 'returned'])
    .describe('putting-back: the store is being replaced by its snapshot, and nothing but the end of that may follow.'),
  to: z.string().describe('Image id of the new control plane.'),
  from: z.strictObject({
    version: z.string(),
    control: serviceSpec.describe('The services as they were.'),
    registry: serviceSpec,
    images: z.array(z.string()).describe('Image ids that the old version runs on; they stay until the next upgrade.'),
  }),
  snapshot: z.string().describe('Path of the copy of the store that the new control plane makes before it migrates.'),
  reason: z.string().nullable().describe('Why it went back.'),
})

export type UpgradeRecord = z.infer<typeof schema>

/** Null: this machine was never upgraded. */
export async function loadRecord(): Promise<UpgradeRecord | null> {
  const text = await readIfThere(paths.upgrade)
  if (text === null) return null
  const parsed = schema.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  throw new AppError('invalid-input', `${paths.upgrade} cannot be read: ${z.prettifyError(parsed.error)}`, {
    hint: 'A newer Lading may have written it: use that version, or look at "docker service ps lading-control" and remove the file.',
  })
}

/** Services carry environments: 0600. */
export async function saveRecord(record: UpgradeRecord): Promise<void> {
  await writeWhole(paths.upgrade, JSON.stringify(record, null, 2) + '\n', 0o600)
}
