import { AppError } from '../../core/errors.ts'
import { partsOfImage, type Digest, type ImageReference } from '../../core/names.ts'
import type { SavedImage } from '../builder.ts'
import { parseDocument, type Manifest } from './image-document.ts'
import type { Registry } from './registry.ts'
import { tarEnd, tarHeader, tarPadding, type TarStamp } from '../../core/tar.ts'

interface File {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly chunks: () => AsyncIterable<Uint8Array>
}

/**
 * The image as `docker save` writes it, for `docker load` of every engine: its config, its layers, and `manifest.json`
 * that names them. Layers go as they lie in the registry, compressed: an engine takes both, and the size is known
 * before the first byte. The engine checks what it loads against the digests in the config.
 * Source: moby, image/tarexport/load.go.
 */
export async function saveImage(
  registry: Registry,
  { image, name }: { readonly image: ImageReference; readonly name: string },
  signal: AbortSignal,
): Promise<SavedImage> {
  const { repository, digest } = partsOfImage(image)
  const stored = await registry.getManifest(repository, digest, signal)
  if (!stored) {
    throw new AppError('not-found', `the registry has no image ${image}`, {
      hint: 'Deploy its commit again: lading deploy COMMIT',
    })
  }
  const { config, layers } = parseDocument<Manifest>(stored.bytes)
  const blob = ({ digest, size }: { digest: Digest; size: number }, ending: string): File => ({
    name: fileName(digest, ending),
    size,
    chunks: () => whole(registry.readBlob(repository, digest, signal), digest, size),
  })
  const distinct = new Map(layers.map(layer => [layer.digest, layer]))
  const list = [
    {
      Config: fileName(config.digest, 'json'),
      RepoTags: [name],
      Layers: layers.map(layer => fileName(layer.digest, 'tar.gz')),
    },
  ]
  const files = [
    blob(config, 'json'),
    ...[...distinct.values()].map(layer => blob(layer, 'tar.gz')),
    inMemory('manifest.json', Buffer.from(JSON.stringify(list))),
  ]
  return { bytes: files.reduce((sum, file) => sum + room(file), tarEnd.length), chunks: tarOf(files) }
}

const stamp: TarStamp = { uid: 0, gid: 0, modified: 0 }

async function* tarOf(files: readonly File[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const file of files) {
    yield headOf(file)
    yield* file.chunks()
    yield tarPadding(file.size)
  }
  yield tarEnd
}

function headOf({ name, size }: File): Buffer {
  return tarHeader({ path: name, kind: 'file', executable: false, target: '', size }, stamp)
}

function room(file: File): number {
  return headOf(file).length + file.size + tarPadding(file.size).length
}

/** A blob that is shorter than the manifest says would move everything behind it. */
async function* whole(
  chunks: AsyncIterable<Uint8Array>,
  digest: Digest,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0
  for await (const chunk of chunks) {
    seen += chunk.length
    yield chunk
  }
  if (seen !== size) throw new AppError('internal', `the registry gave ${seen} bytes of ${digest}, which has ${size}`)
}

function inMemory(name: string, bytes: Buffer): File {
  return {
    name,
    size: bytes.length,
    async *chunks() {
      await Promise.resolve()
      yield bytes
    },
  }
}

function fileName(digest: Digest, ending: string): string {
  return `${digest.slice('sha256:'.length)}.${ending}`
}
