import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { parseAppName, parseDigest, registryName, type AppName, type Digest } from '../../core/names.ts'
import type { EngineHttp } from '../builder/engine-http.ts'
import { execIn } from '../builder/exec.ts'
import type { Manifest } from './image-document.ts'
import type { Registry } from './registry.ts'

/** The images of each app that must stay; null: all of them, for a run of it is under way. Apps that are not named are gone. */
export type WantedImages = ReadonlyMap<AppName, ReadonlySet<Digest> | null>

/** Null: all of them. */
export function wantedOf(app: AppName, wanted: WantedImages): ReadonlySet<Digest> | null {
  const digests = wanted.get(app)
  return digests === undefined ? new Set() : digests
}

interface Tagged {
  readonly tag: string
  readonly digest: Digest
  readonly layers: readonly Digest[]
}

/**
 * Removes from the registry the manifests of apps that are not wanted; returns how many. The layer of dependencies that a
 * wanted image stands on stays, so that the next push finds it. Blobs go when the registry collects.
 */
export async function removeManifests(registry: Registry, wanted: WantedImages, signal: AbortSignal): Promise<number> {
  let removed = 0
  for (const repository of await registry.repositories(signal)) {
    const app = appOf(repository)
    const keep = app === null ? null : wantedOf(app, wanted)
    if (keep === null) continue
    const images = await taggedImages(registry, repository, signal)
    for (const digest of unwanted(images, keep)) {
      await registry.deleteManifest(repository, digest, signal)
      removed++
    }
  }
  return removed
}

/** The platform's own are `lading/…`, which is no app's name. */
function appOf(repository: string): AppName | null {
  return repository.includes('/') ? null : parseAppName(repository)
}

async function taggedImages(registry: Registry, repository: string, signal: AbortSignal): Promise<Tagged[]> {
  const images: Tagged[] = []
  for (const tag of await registry.tags(repository, signal)) {
    const stored = await registry.getManifest(repository, tag, signal)
    if (!stored) continue
    const { layers } = JSON.parse(stored.bytes.toString()) as Manifest
    images.push({ tag, digest: stored.digest, layers: layers.map(layer => layer.digest) })
  }
  return images
}

function unwanted(images: readonly Tagged[], keep: ReadonlySet<Digest>): ReadonlySet<Digest> {
  const used = new Set(images.filter(({ digest }) => keep.has(digest)).flatMap(({ layers }) => layers))
  const isNeeded = ({ tag, digest, layers }: Tagged) =>
    keep.has(digest) || (tag.startsWith('deps-') && layers.every(layer => used.has(layer)))
  const needed = new Set(images.filter(isNeeded).map(({ digest }) => digest))
  return new Set(images.map(({ digest }) => digest).filter(digest => !needed.has(digest)))
}

const imageList = z.array(z.object({ RepoDigests: z.array(z.string()).nullish() }))

/**
 * Removes apps' images that are not wanted from this node's engine; returns how many. One that a container still uses
 * stays until the next time; names that are not our registry's are not looked at.
 */
export async function removeFromEngine(engine: EngineHttp, wanted: WantedImages, signal: AbortSignal): Promise<number> {
  const list = imageList.parse(await engine.json({ method: 'GET', path: '/images/json' }, signal))
  let removed = 0
  for (const name of list.flatMap(({ RepoDigests }) => RepoDigests ?? [])) {
    const image = ownImage(name)
    if (image === null) continue
    const keep = wantedOf(image.app, wanted)
    if (keep === null || keep.has(image.digest)) continue
    if (await removeUnused(engine, name, signal)) removed++
  }
  return removed
}

/** `127.0.0.1:5443/shop@sha256:…`; null for everybody else's, and for the platform's. */
function ownImage(name: string): { readonly app: AppName; readonly digest: Digest } | null {
  const [, app, digest] = /^([a-z0-9-]+)@(sha256:[0-9a-f]{64})$/.exec(name.slice(registryName.length + 1)) ?? []
  if (!name.startsWith(`${registryName}/`) || app === undefined || digest === undefined) return null
  return { app: parseAppName(app), digest: parseDigest(digest) }
}

/** Never forced: false where a container has it. */
async function removeUnused(engine: EngineHttp, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await engine.json({ method: 'DELETE', path: `/images/${name}` }, signal)
    return true
  } catch (error) {
    if (error instanceof AppError && (error.code === 'conflict' || error.code === 'not-found')) return false
    throw error
  }
}

const containerList = z.array(z.object({ Id: z.string() }))
const collector = 'garbage-collect'
const collectMs = 10 * 60_000

/**
 * The registry's own collector removes blobs that no manifest names. No one may push meanwhile: it would take a blob
 * away that was put before its manifest. Rejects `unavailable` when it fails.
 */
export async function collectBlobs(engine: EngineHttp, signal: AbortSignal): Promise<void> {
  const container = await registryContainer(engine, signal)
  if (container === null) throw new AppError('unavailable', 'the registry does not run', { retryable: true })
  const command = ['docker-registry', collector, '/etc/lading/registry.yml']
  const limit = AbortSignal.any([signal, AbortSignal.timeout(collectMs)])
  const words: Buffer[] = []
  const onStderr = (chunk: Uint8Array) => void words.push(Buffer.from(chunk))
  const { exitCode } = await execIn(engine, { container, command, onStderr }, limit)
  if (exitCode === 0) return
  const details = Buffer.concat(words).toString().trim().split('\n').slice(-5)
  throw new AppError('unavailable', `the registry's collector exited ${exitCode}`, { retryable: true, details })
}

const execIds = z.object({ ExecIDs: z.array(z.string()).nullish() })
const execView = z.object({
  Running: z.boolean(),
  ProcessConfig: z.object({ arguments: z.array(z.string()).nullish() }),
})

/** A collector works on: an engine's exec outlives whoever has asked for it. */
export async function isCollecting(engine: EngineHttp, signal: AbortSignal): Promise<boolean> {
  const container = await registryContainer(engine, signal)
  if (container === null) return false
  const { ExecIDs } = execIds.parse(await engine.json({ method: 'GET', path: `/containers/${container}/json` }, signal))
  for (const id of ExecIDs ?? []) {
    const { Running, ProcessConfig } = execView.parse(
      await engine.json({ method: 'GET', path: `/exec/${id}/json` }, signal),
    )
    if (Running && ProcessConfig.arguments?.includes(collector)) return true
  }
  return false
}

async function registryContainer(engine: EngineHttp, signal: AbortSignal): Promise<string | null> {
  const label = ['com.docker.swarm.service.name=lading-registry']
  const query = { filters: JSON.stringify({ label, status: ['running'] }) }
  const list = await engine.json({ method: 'GET', path: '/containers/json', query }, signal)
  return containerList.parse(list)[0]?.Id ?? null
}
