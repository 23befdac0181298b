import { AppError } from '../../core/errors.ts'
import { parseDigest, type AppName, type Digest, type ImageReference } from '../../core/names.ts'
import { parseDocument, type ImageConfig, type Manifest } from './image-document.ts'
import type { Registry } from './registry.ts'

/** An image as the registry holds it. */
export interface StoredImage {
  /** Repository that has its blobs. */
  readonly repository: string
  readonly digest: Digest
  readonly manifest: Manifest
  readonly config: ImageConfig
}

/** Null: the registry does not have it. */
export async function storedImage(
  registry: Registry,
  repository: string,
  tagOrDigest: string,
  signal: AbortSignal,
): Promise<StoredImage | null> {
  const stored = await registry.getManifest(repository, tagOrDigest, signal)
  if (!stored) return null
  const manifest = parseDocument<Manifest>(stored.bytes)
  const config = await registry.getBlob(repository, manifest.config.digest, signal)
  return { repository, digest: stored.digest, manifest, config: parseDocument<ImageConfig>(config) }
}

/** Rejects `unavailable` when the registry has lost it. */
export async function platformImage(
  registry: Registry,
  reference: ImageReference,
  signal: AbortSignal,
): Promise<StoredImage> {
  const [repository, digest] = partsOfPlatformImage(reference) ?? [reference, '']
  const image = await storedImage(registry, repository, digest, signal)
  if (image) return image
  throw new AppError('unavailable', `the registry does not have the platform's image ${repository}`, {
    hint: 'Run "lading up" again: it brings the platform\'s images.',
  })
}

type Bases = readonly { readonly name: string; readonly instead: ImageReference | null }[]

/** Layers of the app's images and of the platform's that it stands on, to tell a new layer from one that was there. */
export async function layersBefore(
  registry: Registry,
  app: AppName,
  bases: Bases,
  signal: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  const tags = (await registry.tags(app, signal)).slice(-50)
  const own = tags.map(tag => [app, tag] as const)
  const [mine, ground] = await Promise.all([
    layersOfAll(registry, own, signal),
    layersOfPlatform(registry, bases, signal),
  ])
  return new Set([...mine, ...ground])
}

/** Of those bases that are images of the platform. */
export async function layersOfPlatform(registry: Registry, bases: Bases, signal: AbortSignal): Promise<Set<Digest>> {
  const names = bases.map(base => partsOfPlatformImage(base.instead ?? base.name))
  return layersOfAll(
    registry,
    names.filter(one => one !== null),
    signal,
  )
}

async function layersOfAll(
  registry: Registry,
  images: readonly (readonly [repository: string, tagOrDigest: string])[],
  signal: AbortSignal,
): Promise<Set<Digest>> {
  const manifests = await Promise.all(images.map(([from, name]) => registry.getManifest(from, name, signal)))
  return new Set(manifests.flatMap(one => (one ? layersOf(one.bytes).map(layer => layer.digest) : [])))
}

/** Repository and digest of an image of the platform; null for others. */
function partsOfPlatformImage(name: string): readonly [string, Digest] | null {
  const [, repository, digest] = /^127\.0\.0\.1:5443\/(lading\/[^@:]+)@(.+)$/.exec(name) ?? []
  return repository && digest ? [repository, parseDigest(digest)] : null
}

function layersOf(manifest: Buffer): Manifest['layers'] {
  return parseDocument<Manifest>(manifest).layers
}
