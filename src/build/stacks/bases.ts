import { AppError } from '../../core/errors.ts'
import { registryName, type AppName, type ImageReference } from '../../core/names.ts'
import type { DockerfileImage } from './dockerfile/read-dockerfile.ts'
import { mayRead } from '../registry/rights.ts'

export interface BasePolicy {
  /**
   * A name, or a beginning of names with `*` at its end, to the platform's image that stands for it while the real one
   * is not to be had.
   */
  readonly mirrors: Readonly<Record<string, ImageReference>>
  /** Whether images can be had from elsewhere: other registries answer from this machine, now. */
  readonly outside: () => Promise<boolean>
}

export interface Base {
  /** As the Dockerfile says it. */
  readonly name: string
  /** The platform's image in its place; null: as it is named. */
  readonly instead: ImageReference | null
}

/** The platform's own images, which stand for Docker Hub's where there is none (decision: no-docker-hub). */
export function ownMirrors(base: ImageReference, node: ImageReference): BasePolicy['mirrors'] {
  return {
    'debian:latest': base,
    'debian:trixie*': base,
    'debian:13*': base,
    'debian:stable*': base,
    'node:24*': node,
    'node:krypton*': node,
  }
}

/**
 * Which image stands for each one that a Dockerfile names. Rejects `build-failed` at once, before anything is built,
 * when one is not to be had, and when one is another app's: an app's image belongs to that app (decision:
 * registry-always).
 */
export async function chooseBases(
  images: readonly DockerfileImage[],
  policy: BasePolicy,
  app: AppName,
): Promise<readonly Base[]> {
  let answer: Promise<boolean> | undefined
  const asksOnce = { ...policy, outside: () => (answer ??= policy.outside()) }
  return Promise.all(images.map(image => chooseBase(image, asksOnce, app)))
}

async function chooseBase(image: DockerfileImage, policy: BasePolicy, app: AppName): Promise<Base> {
  const name = familiar(image.name)
  const [, host, repository] = /^((?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?)\/([^@:]*)/.exec(name) ?? []
  if (host !== undefined && repository !== undefined) {
    if (host === registryName && mayRead(app, repository)) return { name: image.name, instead: null }
    const hint = `An app builds on images of the platform (${registryName}/lading/…), its own (${registryName}/${app}@…) and public ones.`
    throw refusal(image, 'is the image of another app', hint)
  }
  if (await policy.outside()) return { name: image.name, instead: null }
  const instead = mirrorOf(name, policy.mirrors)
  if (instead) return { name: image.name, instead }
  throw refusal(
    image,
    'is not to be had: no public registry answers this server',
    `Push again when one does, or build on one of the platform's: ${Object.keys(policy.mirrors).join(', ')}.`,
  )
}

function refusal(image: DockerfileImage, why: string, hint: string): AppError {
  return new AppError('build-failed', `base image ${image.name} ${why} (Dockerfile line ${image.line})`, { hint })
}

/** `docker.io/library/node` and `node` are the same image, and a name without tag or digest means `latest`. */
function familiar(name: string): string {
  const short = name.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '')
  return /[:@][^/]*$/.test(short) ? short : `${short}:latest`
}

function mirrorOf(name: string, mirrors: BasePolicy['mirrors']): ImageReference | null {
  // A digest asks for exactly these bytes.
  if (name.includes('@')) return null
  for (const [pattern, reference] of Object.entries(mirrors)) {
    if (pattern === name) return reference
    // Another distribution under the same tag: what is built on it would not find its package manager.
    if (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)) && !/alpine/.test(name)) return reference
  }
  return null
}
