import { AppError } from '../core/errors.ts'
import { parseImageReference, partsOfImage, registryName, type Digest, type ImageReference } from '../core/names.ts'
import type { Image } from '../core/release.ts'
import { assemble } from './assemble.ts'
import { buildKey, dependenciesKey, hash, timeOf } from './build-key.ts'
import type { BuilderOptions, StoppableBuilder } from './builder-options.ts'
import type { BuildRequest, Cleaned, PlatformImageRequest, SavedImage } from './builder.ts'
import { BuilderContainer } from './builder/container.ts'
import { FairQueue } from './builder/fair-queue.ts'
import { runBuild, type BuildJob } from './builder/run-build.ts'
import { Shifts } from './builder/shifts.ts'
import { ownCommand } from './own-command.ts'
import { RegistryGate } from './registry/gate.ts'
import { Registry } from './registry/registry.ts'
import {
  collectBlobs,
  isCollecting,
  removeFromEngine,
  removeManifests,
  type WantedImages,
} from './registry/retention.ts'
import { saveImage } from './registry/save-image.ts'
import {
  layersBefore,
  layersOfPlatform,
  platformImage,
  storedImage,
  type StoredImage,
} from './registry/stored-images.ts'
import { requireRoom } from './room.ts'
import { processesOf, readCommit, readFiles, type CommitSource } from './source.ts'
import type { Assembled, Built, Recipe } from './stacks/stack.ts'
import { chooseRecipe } from './stacks/stacks.ts'
import { summary } from './summary.ts'
import type { Ground, Made, Place, Work } from './work.ts'

const collectorPollMs = 500

/** The build stage: finds an image by its key, or makes it by the way that the repository asks for. */
export function createBuilder(options: BuilderOptions): StoppableBuilder {
  return new ImageBuilder(options)
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
    const { engine, clock, warn, builderImage, gate, dns, ids, proxy = {} } = options
    this.#options = options
    this.#registry = new Registry(options.registry)
    this.#gate = new RegistryGate({ registry: options.registry, socketPath: gate.socketPath, ids, warn })
    this.#container = new BuilderContainer({
      engine,
      clock,
      warn,
      cage: { image: builderImage, gateSocket: gate.onNode, proxy, ...(dns ? { dns } : {}) },
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

  async platformImage(request: PlatformImageRequest, signal: AbortSignal): Promise<ImageReference> {
    const { platform, on, freeBytes, limits } = this.#options
    const { repository: app } = request
    const dockerfile = request.dockerfile(on.base)
    const files = new Map(Object.entries(request.files).map(([path, text]) => [path, Buffer.from(text)]))
    const tag = dependenciesKey(dockerfile, files, platform)
    const find = () => storedImage(this.#registry, app, tag, signal)
    return this.#shifts.build(async () => {
      const known = await find()
      if (known === null) requireRoom(await freeBytes(), limits())
      const work = { source: { app }, say: () => undefined }
      const job = { tells: null, dockerfile, dockerignore: null, instead: {}, context: { files } }
      const make = async () => (await find()) ?? this.#run(work, job, tag, signal)
      const { digest } = known ?? (await this.#inBuilder(work, make, signal))
      return parseImageReference(`${registryName}/${app}@${digest}`)
    })
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
    await this.#options.repositories.checkTree(app, commit, signal)
    const source = await readCommit(this.#options.repositories, app, commit, signal)
    const recipe = await chooseRecipe(source, this.#options.on)
    const work = { source, recipe, key: this.#key(source, recipe), say }
    const known = await this.#find(work, signal)
    if (known) return known
    requireRoom(await this.#options.freeBytes(), this.#options.limits())
    say(`-----> ${recipe.title}`)
    for (const note of recipe.notes) say(`       ${note}`)
    const made =
      recipe.method === 'assembled'
        ? await this.#assemble(work, recipe, signal)
        : await this.#make(work, recipe, signal)
    const image = 'buildKey' in made ? made : await this.#save(work, made)
    say(`-----> Image ${summary(image)}`)
    return image
  }

  async stop(signal: AbortSignal): Promise<void> {
    await this.#container.stop(signal)
    await this.#gate.close()
    this.#registry.close()
  }

  #key(source: CommitSource, recipe: Recipe): string {
    const { npmrc, platform } = this.#options
    const whole = recipe.method === 'assembled' ? recipe.otherwise : recipe
    return buildKey({
      tree: source.tree,
      stack: recipe.stack,
      method: recipe.method,
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
      stack: made.stack,
      method: made.method,
      ...(source.yaml.verify ? { verify: source.yaml.verify } : {}),
    }
    await this.#options.store.saveImage(source.app, image, this.#options.clock.now())
    return image
  }

  /** By the builder. Who waited for a place looks again: the build before it may have been the same. */
  async #make(work: Work, recipe: Built, signal: AbortSignal): Promise<Made | Image> {
    const { app, commit } = work.source
    return this.#inBuilder(
      work,
      async () => {
        const known = await this.#find(work, signal)
        if (known) return known
        const before = await layersBefore(this.#registry, app, recipe.bases, signal)
        const job = {
          tells: recipe.tells,
          dockerfile: recipe.dockerfile,
          dockerignore: recipe.dockerignore,
          ...(recipe.docker ? { docker: recipe.docker } : {}),
          instead: Object.fromEntries(recipe.bases.flatMap(base => (base.instead ? [[base.name, base.instead]] : []))),
          context: { archive: () => this.#options.repositories.archive(app, commit, signal) },
        }
        const image = await this.#run(work, job, work.key, signal)
        const layers = image.manifest.layers.map(({ digest, size }) => ({ digest, size, isNew: !before.has(digest) }))
        return { stack: recipe.stack, method: recipe.method, digest: image.digest, layers, config: image.config.config }
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
        fresh: found.isNew ? await this.#added(found.image, recipe, signal) : new Set<Digest>(),
        start: recipe.start,
        env: recipe.env,
        modified: recipe.times === 'zero' ? 0 : timeOf(work.source.tree),
        leaveOut: recipe.leaveOut,
        tag: work.key,
        archive: () => this.#options.repositories.archive(app, commit, signal),
      },
      this.#registry,
      signal,
    )
    const { stack, method } = recipe
    return { stack, method, ...made, config: recipe.start ? { Cmd: recipe.start } : {} }
  }

  /** Layers that an image has on top of the platform's. */
  async #added({ manifest }: StoredImage, { bases }: Recipe, signal: AbortSignal): Promise<ReadonlySet<Digest>> {
    const before = await layersOfPlatform(this.#registry, bases, signal)
    return new Set(manifest.layers.map(({ digest }) => digest).filter(digest => !before.has(digest)))
  }

  /** The image that the code goes on: built once per lock file. Null: they cannot be installed by themselves. */
  async #dependencies(work: Work, { dependencies }: Assembled, signal: AbortSignal): Promise<Ground | null> {
    if ('image' in dependencies)
      return { image: await platformImage(this.#registry, dependencies.image, signal), isNew: false }
    const { app } = work.source
    const { dockerfile, tells } = dependencies
    const files = await readFiles(this.#options.repositories, work.source, dependencies.manifests, signal)
    const tag = `deps-${dependenciesKey(dockerfile, files, this.#options.platform)}`
    const find = async () => {
      const image = await storedImage(this.#registry, app, tag, signal)
      return image && { image, isNew: false }
    }
    const known = await find()
    if (known) return known
    work.say(`       ${dependencies.title}`)
    const job = { tells, dockerfile, dockerignore: null, instead: {}, context: { files } }
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

  async #inBuilder<T>(work: Place, build: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const onWait = () => work.say('       Waiting for a place: other builds are running')
    const withGate = async () => {
      await this.#gate.open()
      return this.#container.use(build, signal)
    }
    return this.#queue.run(work.source.app, withGate, onWait, signal)
  }

  async #run(
    work: Place,
    job: Pick<BuildJob, 'tells' | 'dockerfile' | 'dockerignore' | 'docker' | 'instead' | 'context'>,
    tag: string,
    signal: AbortSignal,
  ): Promise<StoredImage> {
    const { clock, ids, npmrc, limits, proxy = {} } = this.#options
    const { app } = work.source
    const secrets: BuildJob['secrets'] = npmrc && job.tells !== null ? { npmrc } : {}
    const deps = { container: this.#container, clock, timeLimit: limits().buildSeconds * 1000 }
    using pass = this.#gate.admit(app)
    const [id, ours] = [ids.hex(8), `${registryName}/${app}:${tag}`]
    const whole = { ...job, id, app, pass, secrets, proxy: Object.keys(proxy), tag: ours, say: work.say }
    const digest = await runBuild(whole, deps, signal)
    const image = await storedImage(this.#registry, app, digest, signal)
    if (image) return image
    throw new AppError('unavailable', 'the registry does not have the image that was pushed', { retryable: true })
  }
}
