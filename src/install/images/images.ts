import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { buildImage } from './build-image.ts'
import { find } from '../swarm/engine-call.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import type { UpOptions } from '../options/up.ts'
import { checkout } from '../paths.ts'
import { proxyForBuilds } from '../host/proxy.ts'
import {
  addTree,
  fileHash,
  hostCertificates,
  imageKeys,
  imageNames,
  imageTag,
  readPins,
  certificatesLabel,
  recipes,
  type ImageName,
  type Recipe,
} from './recipes.ts'
import { runProgram } from '../host/run-program.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'

/** The platform's images: built on this engine, or loaded from a bundle; nothing when they are there. */
export function imageSteps(site: Site, options: UpOptions): Step[] {
  const images = new Images(site, options)
  const load = options.images === null ? [ownCertificates(images)] : [loadStep(options.images, images)]
  return [bundleStep(), ...load, ...imageNames.map(name => imageStep(name, images))]
}

class Images {
  readonly #site: Site
  readonly #options: UpOptions
  #wanted: Promise<{ list: Recipe[]; keys: ReadonlyMap<ImageName, string> }> | null = null

  constructor(site: Site, options: UpOptions) {
    this.#site = site
    this.#options = options
  }

  /** Asked when the bundles are there, for they are part of the keys. */
  async tag(name: ImageName): Promise<string> {
    const { keys } = await (this.#wanted ??= this.#want())
    return imageTag(name, keys.get(name) ?? '')
  }

  async #want() {
    const list = recipes(await readPins())
    return {
      list,
      keys: await imageKeys(list, this.#site.decisions.certificates ?? (await fileHash(hostCertificates))),
    }
  }

  /** The certificates in the images: of the machine that made the bundle, or (null) of this one. */
  async setCertificates(hash: string | null): Promise<void> {
    await this.#site.change({ certificates: hash })
    this.#wanted = null
  }

  get fromBundle(): boolean {
    return this.#site.decisions.certificates !== null
  }

  /** The image's id when it is there, recorded for the services that name it. */
  async found(name: ImageName, signal: AbortSignal): Promise<string | null> {
    const tag = await this.tag(name)
    const id = await imageId(tag, signal)
    if (id === null) return null
    const key = tag.slice(tag.indexOf(':') + 1)
    const present = this.#site.decisions.images[name]
    if (present?.id !== id || present.key !== key) {
      const images = { ...this.#site.decisions.images, [name]: { key, id, digest: null } }
      await this.#site.change({ images })
    }
    return id
  }

  /**
   * True when the image that is recorded is there, and is what this version makes with the certificates that the recorded
   * `base` carries: only this machine's certificates have changed since.
   */
  async onlyCertificatesChanged(name: ImageName, signal: AbortSignal): Promise<boolean> {
    const { base, [name]: present } = this.#site.decisions.images
    if (base === undefined || present === undefined) return false
    const [baseTag, tag] = [imageTag('base', base.key), imageTag(name, present.key)]
    if ((await imageId(baseTag, signal)) === null || (await imageId(tag, signal)) === null) return false
    const { list } = await (this.#wanted ??= this.#want())
    return (await imageKeys(list, await certificatesOf(baseTag, signal))).get(name) === present.key
  }

  async build(name: ImageName, say: (line: string) => void, signal: AbortSignal): Promise<void> {
    const { list, keys } = await (this.#wanted ??= this.#want())
    const recipe = list.find(each => each.name === name)
    if (recipe === undefined) throw new AppError('internal', `there is no recipe for the image ${name}`)
    const proxy = proxyForBuilds(this.#site.decisions)
    await buildImage({ recipe, keys, mirror: this.#options.mirror, proxy, say }, signal)
  }
}

function imageStep(name: ImageName, images: Images): Step {
  return {
    title: `image ${name}`,
    check: async signal => ((await images.found(name, signal)) === null ? null : await images.tag(name)),
    explain: async signal => {
      if (!(await images.onlyCertificatesChanged(name, signal))) return null
      return name === 'base' ? [certificatesChanged] : 'as base: made before the certificates changed'
    },
    act: (say, signal) => images.build(name, say, signal),
  }
}

const certificatesChanged: Obstacle = {
  what: `was made before the certificates of this machine changed (${hostCertificates}): apps, builds and the platform trust the old ones`,
  next: 'lading up builds the images again, which takes some minutes; apps go on and get them with their next release',
}

/** Null when the engine has no image of that name. */
export async function imageId(tag: string, signal: AbortSignal): Promise<string | null> {
  const image = await find({ method: 'GET', path: `/images/${tag}/json` }, signal)
  return image === null ? null : z.object({ Id: z.string() }).parse(image).Id
}

/** A newer Lading without its bundle builds for itself: then the certificates are this machine's. */
function ownCertificates(images: Images): Step {
  return {
    title: 'certificates in images',
    check: async signal => {
      if (!images.fromBundle) return 'of this machine'
      return (await images.found('base', signal)) === null ? null : 'of the bundle'
    },
    act: () => images.setCertificates(null),
  }
}

/** All images from one file, for machines that reach no mirror, and to save the minutes. */
function loadStep(file: string, images: Images): Step {
  const allThere = async (signal: AbortSignal) => {
    for (const name of imageNames) if ((await images.found(name, signal)) === null) return false
    return true
  }
  return {
    title: 'images from the bundle',
    check: async signal => ((await allThere(signal)) ? file : null),
    act: async (say, signal) => {
      const loaded = await runProgram('docker', ['load', '--input', file], { say }, signal)
      const base = /^Loaded image: (lading\/base:\S+)$/m.exec(loaded)?.[1]
      if (base === undefined) throw new AppError('invalid-input', `${file} is not a bundle of Lading's images`)
      await images.setCertificates(await certificatesOf(base, signal))
      if (!(await allThere(signal))) {
        throw new AppError('invalid-input', `${file} holds the images of another version of Lading`, {
          hint: 'Make one from this version on a machine with a mirror: lading images save FILE',
        })
      }
    },
  }
}

async function certificatesOf(tag: string, signal: AbortSignal): Promise<string> {
  const image = await find({ method: 'GET', path: `/images/${tag}/json` }, signal)
  const view = z.object({ Config: z.object({ Labels: z.record(z.string(), z.string()) }) }).parse(image)
  return view.Config.Labels[certificatesLabel] ?? ''
}

/** Writes the images that this machine runs into one file. */
export async function saveImages(site: Site, file: string, signal: AbortSignal): Promise<void> {
  const tags = imageNames.flatMap(name => {
    const image = site.decisions.images[name]
    return image === undefined ? [] : [imageTag(name, image.key)]
  })
  if (tags.length < imageNames.length)
    throw new AppError('not-found', 'not all images are built yet', { hint: 'Run: lading up' })
  await runProgram('docker', ['save', '--output', file, ...tags], {}, signal)
}

/** One file each of the control plane, the keeper and the command line (decision: pinned-node). */
function bundleStep(): Step {
  const stamp = join(checkout, 'dist/.sources')
  return {
    title: 'bundles',
    check: async () =>
      (await readIfThere(stamp)) === (await sourcesHash())
        ? 'dist/server.js backup.js keeper.js follower.js cli.js'
        : null,
    act: async (say, signal) => {
      const hash = await sourcesHash()
      await runProgram(process.execPath, [join(checkout, 'scripts/bundle.mjs')], { say, cwd: checkout }, signal)
      await writeWhole(stamp, hash)
    },
  }
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256')
  for (const path of ['src', 'scripts/bundle.mjs', 'package-lock.json']) await addTree(hash, join(checkout, path), path)
  return hash.digest('hex')
}
