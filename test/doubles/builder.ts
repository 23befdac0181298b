import type { Clock } from '../../src/core/clock.ts'
import { defaults } from '../../src/core/defaults.ts'
import { AppError } from '../../src/core/errors.ts'
import {
  parseAppName,
  parseImageReference,
  partsOfImage,
  web,
  type CommitId,
  type ImageReference,
} from '../../src/core/names.ts'
import type { Image } from '../../src/core/release.ts'
import type { Builder, BuildRequest, Cleaned, PlatformImageRequest, SavedImage } from '../../src/build/builder.ts'
import { wantedOf, type WantedImages } from '../../src/build/registry/retention.ts'

export interface FakeBuild {
  /** Milliseconds of the clock; 0 without. */
  readonly delay?: number
  /** Rejects with it after the delay. */
  readonly fail?: AppError
  /** What differs from an image with `web` alone. */
  readonly image?: Partial<Omit<Image, 'reference' | 'buildKey'>>
}

/** A builder that makes nothing: one image per commit, the same each time, after the time it was told to take. */
export class FakeBuilder implements Builder {
  readonly #clock: Clock
  readonly #knobs = new Map<CommitId, FakeBuild>()
  /** Commits in the order in which their builds were begun; a key that was built before is not begun again. */
  readonly begun: CommitId[] = []
  readonly #built = new Map<string, Image>()
  /** Images that were cleaned away. */
  readonly removed = new Set<ImageReference>()
  #building = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How builds of this commit go from now on. */
  set(commit: CommitId, build: FakeBuild): void {
    this.#knobs.set(commit, build)
  }

  async has(image: ImageReference): Promise<boolean> {
    await Promise.resolve()
    return !this.removed.has(image)
  }

  async platformImage({ repository }: PlatformImageRequest): Promise<ImageReference> {
    await Promise.resolve()
    return parseImageReference(`127.0.0.1:5443/${repository}@sha256:${'5'.repeat(64)}`)
  }

  async save({ image, name }: { image: ImageReference; name: string }): Promise<SavedImage> {
    if (!(await this.has(image))) throw new AppError('not-found', `the registry has no image ${image}`)
    const text = Buffer.from(`${name} is ${image}`)
    return {
      bytes: text.length,
      chunks: (async function* () {
        await Promise.resolve()
        yield text
      })(),
    }
  }

  async clean(wanted: () => Promise<WantedImages>): Promise<Cleaned | null> {
    if (this.#building > 0) return null
    const keep = await wanted()
    const gone = [...this.#built.values()].filter(({ reference }) => {
      const { repository, digest } = partsOfImage(reference)
      const ofApp = wantedOf(parseAppName(repository), keep)
      return ofApp !== null && !ofApp.has(digest)
    })
    for (const { reference, buildKey } of gone) {
      this.removed.add(reference)
      this.#built.delete(buildKey)
    }
    return { fromRegistry: gone.length, fromEngine: gone.length }
  }

  /** All images are gone at once, with the registry that they lay in. */
  lose(): void {
    for (const { reference } of this.#built.values()) this.removed.add(reference)
    this.#built.clear()
  }

  async build({ app, commit, say }: BuildRequest, signal: AbortSignal): Promise<Image> {
    signal.throwIfAborted()
    const key = `${app}/${commit}`
    const known = this.#built.get(key)
    if (known) return known
    const { delay = 0, fail, image } = this.#knobs.get(commit) ?? {}
    this.begun.push(commit)
    say('-----> Building')
    this.#building++
    try {
      if (delay > 0) await this.#clock.sleep(delay, signal)
    } finally {
      this.#building--
    }
    if (fail) throw fail
    const made: Image = {
      reference: parseImageReference(`127.0.0.1:5443/${app}@sha256:${commit.padEnd(64, '0')}`),
      buildKey: key,
      processes: [{ type: web, command: null }],
      releaseCommand: null,
      settings: defaults.settings,
      layers: [],
      stack: 'dockerfile',
      method: 'built',
      ...image,
    }
    this.#built.set(key, made)
    this.removed.delete(made.reference)
    return made
  }
}
