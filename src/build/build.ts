import { createHash } from 'node:crypto'
import type { Clock, Ids } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { inWords, type Limits } from '../core/limits.ts'
import {
  parseDigest,
  parseImageReference,
  partsOfImage,
  registryName,
  type AppName,
  type Digest,
  type ImageReference,
} from '../core/names.ts'
import type { Image } from '../core/release.ts'
import type { Secret } from '../core/secret.ts'
import type { Store } from '../store/store.ts'
import { gib } from '../lib/format.ts'
import { assemble, type StoredImage, type StoredLayer } from './assemble.ts'
import type { BasePolicy } from './bases.ts'
import { buildKey, stackVersion } from './build-key.ts'
import { BuilderContainer } from './builder-container.ts'
import type { Builder, BuildRequest, Cleaned, SavedImage } from './builder.ts'
import type { EngineHttp } from './engine-http.ts'
import { FairQueue } from './fair-queue.ts'
import type { ContainerConfig, ImageConfig, Manifest } from './image-document.ts'
import { ownCommand } from './own-command.ts'
import { chooseRecipe, type Assembled, type ByDockerfile, type Recipe } from './recipe.ts'
import { RegistryGate } from './registry-gate.ts'
import { Registry, type RegistryAddress } from './registry.ts'
import { collectBlobs, isCollecting, removeFromEngine, removeManifests, type WantedImages } from './retention.ts'
import { runBuild, type BuildJob } from './run-build.ts'
import { saveImage } from './save-image.ts'
import { Shifts } from './shifts.ts'
import { processesOf, readSource, type Repository, type Source } from './source.ts'

export interface BuilderOptions {
  readonly repositories: Repository
  readonly store: Pick<Store, 'findImage' | 'saveImage'>
  readonly engine: EngineHttp
  readonly registry: RegistryAddress
  /** The builder's door to the registry: where this process makes its socket, and where the node's engine sees it. */
  readonly gate: { readonly socketPath: string; readonly onNode: string }
  readonly images: { readonly node: ImageReference; readonly builder: string }
  /** Version of Node in `images.node`. */
  readonly nodeVersion: string
  readonly bases: BasePolicy
  /** npm's settings for builds (its registry, a token): a build secret. */
  readonly npmrc?: Secret
  /** `http_proxy` and its kin, for pulls and builds. */
  readonly proxy?: Readonly<Record<string, string>>
  /** Name servers of builds; without them the engine's own choice. */
  readonly dns?: readonly string[]
  /** `linux/amd64` */
  readonly platform: string
  readonly clock: Clock
  readonly ids: Pick<Ids, 'hex'>
  /** What the operator has set, else the defaults: asked each time. */
  readonly limits: () => Limits
  /** Free on the disk that images go to. */
  readonly freeBytes: () => Promise<number>
  /** Told of what failed in the background. */
  readonly warn: (sentence: string, error: unknown) => void
}

export interface StoppableBuilder extends Builder {
  /** Resolves when nothing of an earlier control plane takes blobs away any more; before the first build. */
  begin(signal: AbortSignal): Promise<void>
  /** Ends the builder's container and the registry's connections, at the end of the process. */
  stop(signal: AbortSignal): Promise<void>
}

const collectorPollMs = 500

/** The build stage: finds an image by its key, or makes it by the way that the repository asks for. */
export function createBuilder(options: BuilderOptions): StoppableBuilder {
  return new ImageBuilder(options)
}

/** A build on its way: everything that its steps need. */
interface Work {
  readonly source: Source
  readonly recipe: Recipe
  readonly key: string
  readonly say: (line: string) => void
}

interface Made {
  readonly how: Image['how']
  readonly digest: Digest
  readonly layers: readonly StoredLayer[]
  readonly config: ContainerConfig
}

/** What the code of an assembled image goes on. */
interface Dependencies {
  readonly image: StoredImage
  readonly isNew: boolean
}

class ImageBuilder implements StoppableBuilder {
  readonly #options: BuilderOptions
  readonly #registry: Registry
  readonly #gate: RegistryGate
  readonly #container: BuilderContainer
  readonly #queue = new FairQueue(() => this.#options.limits().buildsAtOnce)
  readonly #shifts = new Shifts()
  /** An earlier control plane may have removed manifests and died before their blobs went. */
  #owesCollection = true

  constructor(options: BuilderOptions) {
    const { engine, clock, warn, images, gate, dns, ids, proxy = {} } = options
    this.#options = options
    this.#registry = new Registry(options.registry)
    this.#gate = new RegistryGate({ registry: options.registry, socketPath: gate.socketPath, ids, warn })
    this.#container = new BuilderContainer({
      engine,
      clock,
      warn,
      cage: { image: images.builder, gateSocket: gate.onNode, proxy, ...(dns ? { dns } : {}) },
      limits: options.limits,
    })
  }

  async begin(signal: AbortSignal): Promise<void> {
    const { engine, clock } = this.#options
    while (await isCollecting(engine, signal)) await clock.sleep(collectorPollMs, signal)
  }

  async build(request: BuildRequest, signal: AbortSignal): Promise<Image> {
    return this.#shifts.build(() => this.#build(request, signal))
  }

  async has(image: ImageReference, signal: AbortSignal): Promise<boolean> {
    const { repository, digest } = partsOfImage(image)
    // Not beside a cleaning, which may be about to remove it.
    return this.#shifts.build(async () => (await this.#registry.getManifest(repository, digest, signal)) !== null)
  }

  async save(what: { image: ImageReference; name: string }, signal: AbortSignal): Promise<SavedImage> {
    return saveImage(this.#registry, what, signal)
  }

  async clean(wanted: () => Promise<WantedImages>, signal: AbortSignal): Promise<Cleaned | null> {
    return this.#shifts.clean(async () => {
      const images = await wanted()
      const fromRegistry = await removeManifests(this.#registry, images, signal)
      this.#owesCollection ||= fromRegistry > 0
      if (this.#owesCollection) await this.#collect(signal)
      return { fromRegistry, fromEngine: await removeFromEngine(this.#options.engine, images, signal) }
    })
  }

  /** However it ends for us: no build begins while the collector works on. */
  async #collect(signal: AbortSignal): Promise<void> {
    try {
      await collectBlobs(this.#options.engine, signal)
      this.#owesCollection = false
    } finally {
      await this.begin(signal)
    }
  }

  async #build({ app, commit, say }: BuildRequest, signal: AbortSignal): Promise<Image> {
    const source = await readSource(this.#options.repositories, app, commit, signal)
    const recipe = await this.#recipe(source, signal)
    const work = { source, recipe, key: this.#key(source, recipe), say }
    const known = await this.#find(work, signal)
    if (known) return known
    await this.#requireRoom()
    say(`-----> ${recipe.title}`)
    for (const note of recipe.notes) say(`       ${note}`)
    const made =
      recipe.how === 'node-assembled'
        ? await this.#assemble(work, recipe, signal)
        : await this.#make(work, recipe, signal)
    const image = 'buildKey' in made ? made : await this.#save(work, made)
    say(`-----> Image ${summary(image)}`)
    return image
  }

  /** A disk that is full stops more than builds: the store, the registry, every app that writes. */
  async #requireRoom(): Promise<void> {
    const free = await this.#options.freeBytes()
    const { buildDiskBytes } = this.#options.limits()
    if (free >= buildDiskBytes) return
    const least = inWords(buildDiskBytes, 'bytes')
    throw new AppError('no-room', `the disk has ${gib(free, 2)} free, and builds stop below ${least}`, {
      hint: 'What runs goes on. The operator finds out what fills it: "lading doctor" on the server.',
      retryable: true,
    })
  }

  async stop(signal: AbortSignal): Promise<void> {
    await this.#container.stop(signal)
    await this.#gate.close()
    this.#registry.close()
  }

  async #recipe(source: Source, signal: AbortSignal): Promise<Recipe> {
    const { repositories, images, nodeVersion, bases } = this.#options
    const paths = async () =>
      new Set((await repositories.listTree(source.app, source.commit, signal)).map(entry => entry.path))
    return chooseRecipe(source, paths, { node: images.node, nodeVersion, policy: bases })
  }

  #key(source: Source, recipe: Recipe): string {
    const { npmrc, platform } = this.#options
    const whole = recipe.how === 'node-assembled' ? recipe.otherwise : recipe
    return buildKey({
      tree: source.tree,
      how: recipe.how,
      dockerfile: whole.dockerfile,
      bases: Object.fromEntries(recipe.bases.map(base => [base.name, base.instead ?? base.name])),
      config: npmrc ? { npmrc: hash(npmrc.reveal()) } : {},
      platform,
    })
  }

  /** The image of this key, if the store knows it and the registry still has it. */
  async #find({ source, key, say }: Work, signal: AbortSignal): Promise<Image | null> {
    const image = await this.#options.store.findImage(source.app, key)
    if (!image) return null
    const { digest } = partsOfImage(image.reference)
    if (!(await this.#registry.getManifest(source.app, digest, signal))) return null
    say('-----> This tree was built before: the same image')
    return { ...image, layers: image.layers.map(layer => ({ ...layer, isNew: false })) }
  }

  async #save({ source, key }: Work, made: Made): Promise<Image> {
    const image: Image = {
      reference: parseImageReference(`${registryName}/${source.app}@${made.digest}`),
      buildKey: key,
      processes: processesOf(source, ownCommand(made.config)),
      releaseCommand: source.procfile?.releaseCommand ?? null,
      settings: source.yaml.settings,
      layers: made.layers,
      how: made.how,
    }
    await this.#options.store.saveImage(source.app, image, this.#options.clock.now())
    return image
  }

  /** By the builder. Who waited for a place looks again: the build before it may have been the same. */
  async #make(work: Work, recipe: ByDockerfile, signal: AbortSignal): Promise<Made | Image> {
    const { app, commit } = work.source
    return this.#inBuilder(
      work,
      async () => {
        const known = await this.#find(work, signal)
        if (known) return known
        const before = await this.#layersBefore(app, recipe, signal)
        const job = {
          how: recipe.how,
          dockerfile: recipe.dockerfile,
          dockerignore: recipe.dockerignore,
          instead: Object.fromEntries(recipe.bases.flatMap(base => (base.instead ? [[base.name, base.instead]] : []))),
          context: { archive: () => this.#options.repositories.archive(app, commit, signal) },
        }
        const image = await this.#run(work, job, work.key, signal)
        const layers = image.manifest.layers.map(({ digest, size }) => ({ digest, size, isNew: !before.has(digest) }))
        return { how: recipe.how, digest: image.digest, layers, config: image.config.config }
      },
      signal,
    )
  }

  async #assemble(work: Work, recipe: Assembled, signal: AbortSignal): Promise<Made | Image> {
    const { app, commit } = work.source
    const found = await this.#dependencies(work, recipe, signal)
    if (!found) return this.#make(work, recipe.otherwise, signal)
    const made = await assemble(
      {
        app,
        base: found.image,
        freshDependencies: found.isNew,
        start: recipe.start,
        tag: work.key,
        archive: () => this.#options.repositories.archive(app, commit, signal),
      },
      this.#registry,
      signal,
    )
    return { how: 'node-assembled', ...made, config: recipe.start ? { Cmd: recipe.start } : {} }
  }

  /** The image that the code goes on: built once per lock file. Null: they cannot be installed by themselves. */
  async #dependencies(work: Work, recipe: Assembled, signal: AbortSignal): Promise<Dependencies | null> {
    const { node } = this.#options.images
    if (!recipe.dependencies) return { image: await this.#platformImage(node, signal), isNew: false }
    const { app } = work.source
    const { install, dockerfile } = recipe.dependencies
    const files = await this.#files(work.source, install.manifests, signal)
    const tag = `deps-${dependenciesKey(dockerfile, files, this.#options.platform)}`
    const find = async () => {
      const image = await this.#stored(app, tag, signal)
      return image && { image, isNew: false }
    }
    const known = await find()
    if (known) return known
    work.say(`       Installing dependencies with ${install.program}`)
    const job = { how: 'node-assembled', dockerfile, dockerignore: null, instead: {}, context: { files } } as const
    try {
      const make = async () => ({ image: await this.#run(work, job, tag, signal), isNew: true })
      return await this.#inBuilder(work, async () => (await find()) ?? make(), signal)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'build-failed') throw error
      work.say(
        `       ${error.message}: the dependencies alone could not be installed, building with the whole repository`,
      )
      return null
    }
  }

  async #inBuilder<T>(work: Work, build: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const onWait = () => work.say('       Waiting for a place: other builds are running')
    const withDoor = async () => {
      await this.#gate.open()
      return this.#container.use(build, signal)
    }
    return this.#queue.run(work.source.app, withDoor, onWait, signal)
  }

  async #run(
    work: Work,
    job: Pick<BuildJob, 'how' | 'dockerfile' | 'dockerignore' | 'instead' | 'context'>,
    tag: string,
    signal: AbortSignal,
  ): Promise<StoredImage> {
    const { clock, ids, npmrc, limits, proxy = {} } = this.#options
    const { app } = work.source
    const secrets: BuildJob['secrets'] = npmrc && job.how !== 'dockerfile' ? { npmrc } : {}
    const tools = { container: this.#container, clock, timeLimit: limits().buildSeconds * 1000 }
    using pass = this.#gate.admit(app)
    const [id, ours] = [ids.hex(8), `${registryName}/${app}:${tag}`]
    const whole = { ...job, id, app, pass, secrets, proxy: Object.keys(proxy), tag: ours, say: work.say }
    const digest = await runBuild(whole, tools, signal)
    const image = await this.#stored(app, digest, signal)
    if (image) return image
    throw new AppError('unavailable', 'the registry does not have the image that was pushed', { retryable: true })
  }

  async #platformImage(reference: ImageReference, signal: AbortSignal): Promise<StoredImage> {
    const [repository, digest] = platformImage(reference) ?? [reference, '']
    const image = await this.#stored(repository, digest, signal)
    if (image) return image
    throw new AppError('unavailable', `the registry does not have the platform's image ${repository}`, {
      hint: 'Run "lading up" again: it brings the platform\'s images.',
    })
  }

  async #stored(repository: string, tagOrDigest: string, signal: AbortSignal): Promise<StoredImage | null> {
    const stored = await this.#registry.getManifest(repository, tagOrDigest, signal)
    if (!stored) return null
    const manifest = JSON.parse(stored.bytes.toString()) as Manifest
    const config = await this.#registry.getBlob(repository, manifest.config.digest, signal)
    return { repository, digest: stored.digest, manifest, config: JSON.parse(config.toString()) as ImageConfig }
  }

  /** Layers of the app's images and of the platform's that it stands on, to tell a new layer from one that was there. */
  async #layersBefore(app: AppName, recipe: ByDockerfile, signal: AbortSignal): Promise<ReadonlySet<Digest>> {
    const tags = (await this.#registry.tags(app, signal)).slice(-50)
    const platform = recipe.bases.map(base => platformImage(base.instead ?? base.name)).filter(one => one !== null)
    const images: readonly (readonly [string, string])[] = [...tags.map(tag => [app, tag] as const), ...platform]
    const manifests = await Promise.all(images.map(([from, name]) => this.#registry.getManifest(from, name, signal)))
    return new Set(manifests.flatMap(one => (one ? layersOf(one.bytes).map(layer => layer.digest) : [])))
  }

  async #files(source: Source, paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Buffer>> {
    const read = async (path: string) =>
      [
        path,
        (await this.#options.repositories.readFile(source.app, source.commit, path, signal)) ?? Buffer.alloc(0),
      ] as const
    return new Map(await Promise.all(paths.map(read)))
  }
}

/** Repository and digest of an image of the platform; null for others. */
function platformImage(name: string): readonly [string, Digest] | null {
  const [, repository, digest] = /^127\.0\.0\.1:5443\/(lading\/[^@:]+)@(.+)$/.exec(name) ?? []
  return repository && digest ? [repository, parseDigest(digest)] : null
}

function layersOf(manifest: Buffer): Manifest['layers'] {
  return (JSON.parse(manifest.toString()) as Manifest).layers
}

/**
 * Manifests, lock file, npm's settings, Node and base (both in the Dockerfile's text), platform (decision:
 * assembled-images).
 */
function dependenciesKey(dockerfile: string, files: ReadonlyMap<string, Buffer>, platform: string): string {
  const facts = [stackVersion, dockerfile, platform, [...files].map(([path, bytes]) => [path, hash(bytes)])]
  return hash(JSON.stringify(facts))
}

function hash(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function summary(image: Image): string {
  const fresh = image.layers.filter(layer => layer.isNew)
  const bytes = fresh.reduce((sum, layer) => sum + layer.size, 0)
  const amount = bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1000)} kB`
  const name = image.reference.slice(registryName.length + 1).replace(/(sha256:[0-9a-f]{12}).*/, '$1')
  return `${name}: ${image.layers.length} layers, ${fresh.length} new (${amount})`
}
