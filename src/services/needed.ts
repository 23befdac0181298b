import { attachedIn } from '../core/attached.ts'
import { releasesToKeep } from '../core/keep.ts'
import { environmentId, environmentLabels, label } from '../core/labels.ts'
import type { Engine } from '../docker/engine.ts'
import type { AttachmentRow } from '../store/service-store.ts'
import type { Store } from '../store/store.ts'

/**
 * Whether anything may still come with these credentials: a run that is under way, a release that may run, or the
 * processes of one that drain (docs/design/services.md).
 */
export async function isNeeded(
  attachment: AttachmentRow,
  { store, engine }: { readonly store: Store; readonly engine: Pick<Engine, 'listServices'> },
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await isSameApp(attachment, store))) return false
  if ((await store.openRuns()).some(run => environmentId(run) === environmentId(attachment))) return true
  const processes = await engine.listServices({ ...environmentLabels(attachment), [label.role]: 'process' }, signal)
  const running = processes.map(({ labels }) => Number(labels[label.release]))
  for (const number of new Set([...releasesToKeep(await store.standingRuns(attachment)), ...running])) {
    const release = await store.findRelease(attachment, number)
    if (release === null) continue
    const { values } = await store.readConfig(attachment, release.config)
    if (attachedIn(values).some(({ user }) => user === attachment.user)) return true
  }
  return false
}

/** False: it was destroyed, and one that has its name now is another. */
export async function isSameApp({ app, appSince }: AttachmentRow, store: Pick<Store, 'findApp'>): Promise<boolean> {
  return (await store.findApp(app))?.createdAt === appSince
}
