import type { AppName, Digest } from '../core/names.ts'
import { AppError } from '../core/errors.ts'
import { appStamp, asLayer, writeTar } from './code-tar.ts'
import { extendConfig, manifestBytes } from './registry/image-document.ts'
import { manifestType, type Registry } from './registry/registry.ts'
import type { StoredImage } from './registry/stored-images.ts'

export interface Assembly {
  readonly app: AppName
  /** An image of the platform, or the one with the app's dependencies on it. */
  readonly base: StoredImage
  /** Layers of it that were made for this very commit. */
  readonly fresh: ReadonlySet<Digest>
  readonly archive: () => AsyncIterable<Uint8Array>
  readonly start: readonly string[] | null
  /** `NAME=value`, beside those of the base. */
  readonly env: readonly string[]
  /** Of the files of the code (s since 1970). */
  readonly modified: number
  /** A folder of the commit that is not code; null: all of it is. */
  readonly leaveOut: string | null
  readonly tag: string
}

export interface StoredLayer {
  readonly digest: Digest
  readonly size: number
  readonly isNew: boolean
}

/** Up to this size a layer is held in memory, which saves calls. */
const heldBytes = 4 * 1024 * 1024

/**
 * An image without a builder (decision: assembled-images): the base's layers, and the code as one more. One blob, one
 * config and one manifest go to the registry; each is named by its content, so that a repeated call makes the same
 * image again.
 */
export async function assemble(
  assembly: Assembly,
  registry: Registry,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly layers: readonly StoredLayer[] }> {
  const { app, base } = assembly
  const [shared, code] = await Promise.all([
    shareLayers(assembly, registry, signal),
    putCode(assembly, registry, signal),
  ])
  const config = extendConfig(base.config, [{ ...code, describedAs: 'the code of the commit' }], {
    WorkingDir: '/app',
    User: 'app',
    Env: assembly.env,
    ...(assembly.start ? { Cmd: assembly.start } : {}),
  })
  const stored = await registry.putBlob(app, Buffer.from(JSON.stringify(config)), signal)
  const bytes = manifestBytes(stored, [...base.manifest.layers, code])
  const digest = await registry.putManifest(app, assembly.tag, { mediaType: manifestType, bytes }, signal)
  if (digest === null) {
    throw new AppError('unavailable', 'the registry lost a layer while the image was made', { retryable: true })
  }
  return { digest, layers: [...shared, { digest: code.digest, size: code.size, isNew: code.isNew }] }
}

async function shareLayers(
  { app, base, fresh }: Assembly,
  registry: Registry,
  signal: AbortSignal,
): Promise<readonly StoredLayer[]> {
  return Promise.all(
    base.manifest.layers.map(async ({ digest, size }) => {
      const there = base.repository === app || (await registry.statBlob(app, digest, signal)) !== null
      if (!there && !(await registry.mountBlob(app, digest, base.repository, signal))) {
        throw new AppError('unavailable', `the registry has lost the image ${base.repository}@${base.digest}`, {
          hint: 'Run "lading up" again: it brings the platform\'s images.',
        })
      }
      return { digest, size, isNew: fresh.has(digest) }
    }),
  )
}

async function putCode(assembly: Assembly, registry: Registry, signal: AbortSignal) {
  const { leaveOut } = assembly
  const tar = writeTar({
    commit: { archive: assembly.archive(), folder: 'app' },
    leaveOut: path => leaveOut !== null && (path === leaveOut || path.startsWith(`${leaveOut}/`)),
    stamp: { ...appStamp, modified: assembly.modified },
  })
  const layer = asLayer(tar)
  const chunks = layer.chunks[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let size = 0
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    held.push(next.value)
    size += next.value.length
    if (size > heldBytes) break
  }
  const blob =
    size > heldBytes
      ? await registry.streamBlob(assembly.app, resumed(held, chunks), signal)
      : await registry.putBlob(assembly.app, Buffer.concat(held), signal)
  return { ...blob, diffId: layer.diffId() }
}

async function* resumed(held: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* held.splice(0)
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}
