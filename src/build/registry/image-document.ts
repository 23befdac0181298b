import { requireFlatJson } from '../../core/bounds.ts'
import { defaults } from '../../core/defaults.ts'
import type { Digest } from '../../core/names.ts'
import { manifestType } from './registry.ts'

/** Manifest and config of an image as the registry holds them; fields we do not know are kept as they are. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes, compressed. */
  readonly size: number
}

export interface ImageConfig {
  readonly architecture: string
  readonly os: string
  readonly created?: string
  readonly config: ContainerConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history?: readonly HistoryEntry[]
}

export interface ContainerConfig {
  readonly Env?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Entrypoint?: readonly string[] | null
  readonly WorkingDir?: string
  readonly User?: string
  /** `80/tcp` and the like. */
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null
}

interface HistoryEntry {
  readonly created?: string
  readonly created_by?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

export interface Layer {
  readonly digest: Digest
  /** Of the tar before compression. */
  readonly diffId: Digest
  readonly size: number
  readonly describedAs: string
}

/** Docker's own type for a gzipped layer: engines of every age take it (20.10 knows OCI's too, older tools do not). */
export const layerType = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
const configType = 'application/vnd.docker.container.image.v1+json'

/** A manifest or a config, which a build or a foreign base wrote. Rejects `invalid-input` for one out of its bounds. */
export function parseDocument<T extends Manifest | ImageConfig>(bytes: Buffer): T {
  const text = bytes.toString()
  requireFlatJson(text, {
    name: "an image's manifest or config",
    bytes: defaults.imageDocumentBytes,
    depth: defaults.jsonDepth,
    values: defaults.jsonValues,
  })
  return JSON.parse(text) as T
}

/** The config of `base` with further layers and another process. Deterministic: no time of ours is in it. */
export function extendConfig(base: ImageConfig, layers: readonly Layer[], process: ContainerConfig): ImageConfig {
  return {
    ...base,
    config: { ...base.config, ...process, Env: mergeEnv(base.config.Env ?? [], process.Env ?? []) },
    rootfs: { type: 'layers', diff_ids: [...base.rootfs.diff_ids, ...layers.map(layer => layer.diffId)] },
    history: [...(base.history ?? []), ...layers.map(layer => ({ created_by: layer.describedAs }))],
  }
}

/** The manifest in Docker's schema 2, in its exact bytes: they are what the digest names. */
export function manifestBytes(
  config: { readonly digest: Digest; readonly size: number },
  layers: readonly { readonly digest: Digest; readonly size: number }[],
): Buffer {
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: config.digest, size: config.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: layerType, digest, size })),
  }
  return Buffer.from(JSON.stringify(manifest))
}

/** Later values win; the order of the first stays. */
function mergeEnv(base: readonly string[], more: readonly string[]): readonly string[] {
  const merged = new Map([...base, ...more].map(pair => [pair.slice(0, pair.indexOf('=')), pair]))
  return [...merged.values()]
}
