import { z } from 'zod'
import { Registry } from '../../build/registry/registry.ts'
import { AppError } from '../../core/errors.ts'
import type { Digest } from '../../core/names.ts'
import { engine, filters } from '../swarm/engine-call.ts'
import { paths } from '../paths.ts'
import { environmentOf } from '../platform/platform-service.ts'
import { imageLabel } from '../images/recipes.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { loadRecord } from './upgrade-record.ts'

/**
 * The platform's own images that neither this version nor the one before the last upgrade is made of. They go when the new
 * one serves: before, they are the way back.
 */
export function oldImagesStep(site: Site): Step {
  let removed = 0
  return {
    title: 'images of older versions',
    check: async signal => {
      if ((await unneeded(site, signal)).length > 0 || (await unneededInRegistry(site, signal)).length > 0) return null
      return removed === 0 ? 'none' : `${removed} removed`
    },
    act: async (say, signal) => {
      for (const name of await unneeded(site, signal)) {
        say(name)
        if (await removeImage(name, signal)) removed++
      }
      for (const { repository, digest } of await unneededInRegistry(site, signal)) {
        say(`${repository}@${digest}`)
        await withRegistry(registry => registry.deleteManifest(repository, digest, signal))
        removed++
      }
    },
  }
}

interface Stored {
  readonly repository: string
  readonly digest: Digest
}

/** What apps were made from. Their own images carry its layers, which the registry's collector leaves alone then. */
async function unneededInRegistry(site: Site, signal: AbortSignal): Promise<readonly Stored[]> {
  const before = (await loadRecord())?.from.control
  const names = ['LADING_IMAGE_BASE', 'LADING_IMAGE_NODE'].map(name => before && environmentOf(before, name))
  const needed = new Set<string | null | undefined>([
    ...Object.values(site.decisions.images).map(({ digest }) => digest),
    ...names.map(name => name?.split('@')[1]),
  ])
  return withRegistry(async registry => {
    const found: Stored[] = []
    for (const repository of ['lading/base', 'lading/node'])
      for (const tag of await registry.tags(repository, signal)) {
        const digest = (await registry.getManifest(repository, tag, signal))?.digest
        if (digest !== undefined && !needed.has(digest)) found.push({ repository, digest })
      }
    return found
  })
}

async function withRegistry<T>(work: (registry: Registry) => Promise<T>): Promise<T> {
  const registry = new Registry({ socketPath: paths.registrySocket })
  try {
    return await work(registry)
  } finally {
    registry.close()
  }
}

const imageList = z.array(z.object({ Id: z.string(), RepoTags: z.array(z.string()).nullish() }))
const usedImages = z.array(z.object({ ImageID: z.string() }))

/** By the name that we gave them: images of apps carry the label of what they are made from. */
async function unneeded(site: Site, signal: AbortSignal): Promise<readonly string[]> {
  const list = imageList.parse(
    await engine.json({ method: 'GET', path: '/images/json', query: filters({ label: [imageLabel] }) }, signal),
  )
  const containers = await engine.json({ method: 'GET', path: '/containers/json', query: { all: true } }, signal)
  const needed = new Set([
    ...Object.values(site.decisions.images).map(({ id }) => id),
    ...((await loadRecord())?.from.images ?? []),
    ...usedImages.parse(containers).map(({ ImageID }) => ImageID),
  ])
  const layers = new Map<string, readonly string[]>()
  for (const { Id } of list) layers.set(Id, await layersOf(Id, signal))
  const kept = [...layers].filter(([id]) => needed.has(id)).map(([, its]) => its)
  return list
    .filter(({ Id }) => !needed.has(Id) && !kept.some(its => isBase(layers.get(Id) ?? [], its)))
    .flatMap(({ RepoTags }) => (RepoTags ?? []).filter(name => name.startsWith('lading/')))
}

/** Whether an image stands on one of these layers: the node image of an old version is what its keeper is made from. */
export function isBase(layers: readonly string[], image: readonly string[]): boolean {
  return layers.every((layer, at) => image[at] === layer)
}

const layerView = z.object({ RootFS: z.object({ Layers: z.array(z.string()).nullish() }) })

async function layersOf(id: string, signal: AbortSignal): Promise<readonly string[]> {
  return layerView.parse(await engine.json({ method: 'GET', path: `/images/${id}/json` }, signal)).RootFS.Layers ?? []
}

/** Never forced: one that someone has begun to use stays. */
async function removeImage(name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await engine.json({ method: 'DELETE', path: `/images/${name}` }, signal)
    return true
  } catch (error) {
    if (error instanceof AppError && (error.code === 'conflict' || error.code === 'not-found')) return false
    throw error
  }
}
