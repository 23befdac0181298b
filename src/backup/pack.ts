import { createReadStream } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppName } from '../core/names.ts'
import { tarEnd, tarHeader, tarPadding } from '../core/tar.ts'
import { entry, type Manifest } from './format.ts'

/** Where the parts of a backup come from. */
export interface Sources {
  /** All rows as they are at one moment, into a new file. */
  readonly copyStore: (path: string) => Promise<void>
  /** The apps of that copy. */
  readonly listApps: (storeCopy: string) => Promise<readonly AppName[]>
  /** Every ref of an app's repository with its history, as a git bundle. False: it has no commit yet. */
  readonly bundle: (app: AppName, path: string) => Promise<boolean>
  /** Small files: keys and tokens, by their name in the backup. */
  readonly files: Readonly<Record<string, string>>
  readonly manifest: (apps: Manifest['apps']) => Promise<Manifest>
  /** Called with each part as it begins. */
  readonly say: (line: string) => void
}

/**
 * The platform as one tar. The rows are copied first, the repositories after them: what rows name is then there, and more
 * does no harm. `folder` holds what is on its way, and is gone afterwards.
 */
export async function* pack(sources: Sources, folder: string, stamp: Date): AsyncGenerator<Uint8Array> {
  // An earlier one that was killed has left its own.
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const write = tarWriter(stamp)
  try {
    const store = join(folder, 'lading.db')
    sources.say('store')
    await sources.copyStore(store)
    const found: Manifest['apps'] = []
    const bundles: { readonly app: AppName; readonly path: string }[] = []
    for (const app of await sources.listApps(store)) {
      sources.say(`git ${app}`)
      const path = join(folder, `${app}.bundle`)
      const hasBundle = await sources.bundle(app, path)
      found.push({ app, hasBundle })
      if (hasBundle) bundles.push({ app, path })
    }
    yield* write.text(entry.manifest, `${JSON.stringify(await sources.manifest(found), null, 2)}\n`)
    for (const [name, text] of Object.entries(sources.files)) yield* write.text(name, text)
    yield* write.file(entry.store, store)
    for (const { app, path } of bundles) yield* write.file(entry.bundle(app), path)
    yield tarEnd
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function tarWriter(date: Date) {
  const stamp = { uid: 0, gid: 0, modified: Math.floor(date.getTime() / 1000) }
  const head = (path: string, size: number) =>
    tarHeader({ path, kind: 'file', executable: false, target: '', size }, stamp)
  return {
    *text(path: string, text: string): Generator<Uint8Array> {
      const bytes = Buffer.from(text)
      yield head(path, bytes.length)
      yield bytes
      yield tarPadding(bytes.length)
    },
    async *file(path: string, source: string): AsyncGenerator<Uint8Array> {
      const { size } = await stat(source)
      yield head(path, size)
      if (size > 0) for await (const chunk of createReadStream(source)) yield chunk as Buffer
      yield tarPadding(size)
      // Its bytes are in the stream: the disk needs room for one copy, not for two.
      await rm(source)
    },
  }
}
