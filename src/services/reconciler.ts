import type { Builder } from '../build/builder.ts'
import { kindRepository } from '../core/attached.ts'
import type { Clock } from '../core/clock.ts'
import { AppError, asAppError, isPassing } from '../core/errors.ts'
import { parseAppName, type ImageReference, type NodeName } from '../core/names.ts'
import type { Engine } from '../docker/engine.ts'
import { persistently } from '../lib/async/retry.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import type { AttachmentRow, ServiceRow } from '../store/service-store.ts'
import type { Store } from '../store/store.ts'
import type { ServiceHost } from './host.ts'
import { parseKind } from './kinds.ts'
import { isNeeded, isSameApp } from './needed.ts'
import type { ServiceBackup, Services, ServiceCondition } from './services.ts'
import { readBackupName, serviceBackupName, type ServiceBackupStorage } from './storage.ts'
import { objectOf, serviceLabels, swarmService } from './spec.ts'
import { drain, runStep, textOf } from './steps.ts'

/** Between two looks: while something is unfinished, and when all is as it should be (ms). */
const [unfinishedMs, calmMs] = [3_000, 60_000]
/** To its first answer: it may have to make its files, or to replay its log (ms). */
const readyMs = 120_000
/** The data of a destroyed service stay for so long (ms). */
const binMs = 7 * 24 * 60 * 60_000

export interface ServiceReconcilerOptions {
  readonly store: Store
  readonly engine: Engine
  readonly host: ServiceHost
  readonly builder: Pick<Builder, 'platformImage'>
  readonly storage: ServiceBackupStorage
  /** Where the data of new services lie. */
  readonly node: NodeName
  readonly clock: Clock
  /** Resolves when nothing of an earlier control plane is under way: before the first delete. */
  readonly quiet: (signal: AbortSignal) => Promise<void>
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

/** Brings the cluster in line with the rows of services and attachments, again and again; every step may be repeated. */
export class ServiceReconciler implements Services {
  readonly #options: ServiceReconcilerOptions
  readonly #wakeup: Wakeup

  constructor(options: ServiceReconcilerOptions) {
    this.#options = options
    this.#wakeup = new Wakeup(options.clock)
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isDone = await this.look(signal).catch((error: unknown) => {
        signal.throwIfAborted()
        this.#options.log('services not looked at', { error: asAppError(error).message })
        return false
      })
      await this.#wakeup.wait(isDone ? calmMs : unfinishedMs, signal)
    }
  }

  wake(): void {
    this.#wakeup.wake()
  }

  /** Before apps are brought back: their processes cannot join a network that is not there. */
  async ensureNetworks(signal: AbortSignal): Promise<void> {
    const { store, engine } = this.#options
    for (const service of await store.listServices()) {
      if (service.destroyedAt === null) await engine.ensureNetwork(objectOf(service), serviceLabels(service), signal)
    }
  }

  /** Looks once. False: something is unfinished. */
  async look(signal: AbortSignal): Promise<boolean> {
    const { store } = this.#options
    const [services, attachments] = [await store.listServices(), await store.listAttachments()]
    const outcomes = [
      ...(await Promise.all(services.map(service => this.#bring(service, signal)))),
      ...(await Promise.all(attachments.map(attachment => this.#settle(attachment, services, signal)))),
    ]
    return outcomes.every(Boolean)
  }

  async see(service: ServiceRow, signal: AbortSignal): Promise<ServiceCondition> {
    const [kind, object] = [parseKind(service.kind), objectOf(service)]
    try {
      await drain(this.#options.host.run({ object, command: kind.ready }, signal))
      const bytes = Number(await textOf(this.#options.host.run({ object, command: kind.size }, signal)))
      return { up: true, bytes: Number.isSafeInteger(bytes) ? bytes : null }
    } catch {
      signal.throwIfAborted()
      return { up: false, bytes: null }
    }
  }

  async grant(service: ServiceRow, attachment: AttachmentRow, signal: AbortSignal): Promise<void> {
    const credentials = { user: attachment.user, password: await this.#password(attachment) }
    await runStep(this.#options.host, objectOf(service), parseKind(service.kind).grant(credentials), signal)
  }

  async url(service: ServiceRow, attachment: AttachmentRow): Promise<string> {
    const credentials = { user: attachment.user, password: await this.#password(attachment) }
    return parseKind(service.kind).url(objectOf(service), credentials)
  }

  async backUp(service: ServiceRow, signal: AbortSignal): Promise<ServiceBackup> {
    return this.#backUp(service, 'hand', signal)
  }

  /** By the schedule: each that is ready; of its earlier ones the newest `keep` stay (law: older-backup-stays). */
  async backUpAll(keep: number, signal: AbortSignal): Promise<void> {
    const { store, storage } = this.#options
    const failed: AppError[] = []
    for (const service of await store.listServices()) {
      if (service.state !== 'ready' || service.destroyedAt !== null) continue
      try {
        await this.#backUp(service, 'schedule', signal)
        const all = (await this.backups(signal)).filter(one => one.scheduled && one.service === service.name)
        for (const { name } of all.slice(0, -keep)) await storage.remove(name, signal)
      } catch (error) {
        signal.throwIfAborted()
        const { code, message, details } = asAppError(error)
        failed.push(new AppError(code, `the service ${service.name} was not backed up: ${message}`, { details }))
      }
    }
    if (failed[0]) throw failed[0]
  }

  async #backUp(service: ServiceRow, by: 'schedule' | 'hand', signal: AbortSignal): Promise<ServiceBackup> {
    const { host, storage, clock } = this.#options
    const [kind, object] = [parseKind(service.kind), objectOf(service)]
    const name = serviceBackupName(service, new Date(clock.now()), by)
    const size = await storage.put(name, host.run({ object, command: kind.dump }, signal), signal)
    await drain(host.run({ object, command: kind.proof, input: storage.read(name, signal) }, signal))
    this.#options.log('service backed up', { service: service.name, name, size })
    return { name, kind: kind.name, service: service.name, scheduled: by === 'schedule', size }
  }

  async backups(signal: AbortSignal): Promise<readonly ServiceBackup[]> {
    const all = await this.#options.storage.list(signal)
    return all.flatMap(({ name, size }) => {
      const facts = readBackupName(name)
      return facts === null ? [] : [{ ...facts, size }]
    })
  }

  async #password({ id }: AttachmentRow) {
    const password = await this.#options.store.openAttachment(id)
    if (password === null) throw new AppError('conflict', 'it was detached meanwhile', { hint: 'Attach it again.' })
    return password
  }

  /** True: as it should be. What fails is said in the row. */
  async #bring(service: ServiceRow, signal: AbortSignal): Promise<boolean> {
    const { store } = this.#options
    try {
      if (service.destroyedAt !== null) return await this.#remove(service, service.destroyedAt, signal)
      if (service.state === 'creating') await this.#create(service, signal)
      else await this.#keep(service, signal)
      return true
    } catch (error) {
      signal.throwIfAborted()
      const { message, hint, details } = asAppError(error)
      const reason = hint === undefined ? message : `${message}. ${hint}`
      if (reason === service.reason) return false
      await store.noteService(service.id, { reason })
      this.#options.log('service not as it should be', { service: service.name, error: message, details })
      return false
    }
  }

  async #create(service: ServiceRow, signal: AbortSignal): Promise<void> {
    const { store, engine, host, storage, clock, log } = this.#options
    const [kind, object, labels] = [parseKind(service.kind), objectOf(service), serviceLabels(service)]
    const note = (reason: string) => store.noteService(service.id, { reason })
    await engine.ensureNetwork(object, labels, signal)
    await host.ensureVolume(object, labels, signal)
    await note(`making the image of ${kind.title}`)
    await this.#start(service, signal)
    await note('waiting until it takes connections')
    const patience = { clock, until: clock.monotonic() + readyMs, signal }
    await persistently(() => drain(host.run({ object, command: kind.ready }, signal)), patience)
    await persistently(() => runStep(host, object, kind.prepare, signal), patience)
    if (service.from !== null) {
      await note(`restoring ${service.from}`)
      await runStep(host, object, kind.empty, signal)
      await drain(host.run({ object, command: kind.restore, input: storage.read(service.from, signal) }, signal))
    }
    await store.noteService(service.id, { state: 'ready', reason: '' })
    log('service is ready', { service: service.name, kind: kind.name })
  }

  /** One that was ready: its process is made again where it is gone, and its data never. */
  async #keep(service: ServiceRow, signal: AbortSignal): Promise<void> {
    const { store, engine, host } = this.#options
    const object = objectOf(service)
    const present = await engine.listServices(serviceLabels(service), signal)
    if (present.length === 0) {
      await engine.ensureNetwork(object, serviceLabels(service), signal)
      if (!(await host.hasVolume(object, signal))) {
        throw new AppError('not-found', 'its data are not on this machine, and it is not started empty', {
          hint: 'Restore its last backup under another name ("lading services backups", then "lading services restore"), attach that, and destroy this one.',
        })
      }
      await this.#start(service, signal)
    }
    if (service.reason !== '') await store.noteService(service.id, { reason: '' })
  }

  async #start(service: ServiceRow, signal: AbortSignal): Promise<void> {
    const { store, engine, builder, node } = this.#options
    const kind = parseKind(service.kind)
    const request = { repository: parseAppName(kindRepository(kind.name)), ...kind.image }
    const image: ImageReference = await builder.platformImage(request, signal)
    if (image !== service.image) await store.noteService(service.id, { image })
    await engine.createService(swarmService(service, { kind, image, node }), signal)
  }

  async #remove(service: ServiceRow, destroyedAt: number, signal: AbortSignal): Promise<boolean> {
    const { store, engine, host, quiet, clock, log } = this.#options
    const object = objectOf(service)
    await quiet(signal)
    await engine.removeService(object, signal)
    try {
      await engine.removeNetwork(object, signal)
    } catch (error) {
      if (isPassing(error)) return false
      throw error
    }
    if (clock.now() - destroyedAt < binMs) return true
    await host.removeVolume(object, signal)
    await store.removeService(service.id)
    log('data of a destroyed service removed', { service: service.name, volume: object })
    return true
  }

  /** A pair that no one wants is revoked when nothing needs it any more. True: nothing is left to do. */
  async #settle(attachment: AttachmentRow, services: readonly ServiceRow[], signal: AbortSignal): Promise<boolean> {
    const { store, host, quiet, log } = this.#options
    if (attachment.wanted && (await isSameApp(attachment, store))) return true
    try {
      if (attachment.wanted) await store.markDetached(attachment.id)
      if (await isNeeded(attachment, this.#options, signal)) return false
      await quiet(signal)
      const service = services.find(({ id }) => id === attachment.service)
      // Of data that are not here any more nothing can be revoked.
      if (service && (await host.hasVolume(objectOf(service), signal))) {
        await runStep(host, objectOf(service), parseKind(service.kind).revoke(attachment.user), signal)
      }
      await store.removeAttachment(attachment.id)
      log('credentials revoked', { service: service?.name, app: attachment.app, environment: attachment.environment })
      return true
    } catch (error) {
      signal.throwIfAborted()
      log('credentials not revoked yet', { app: attachment.app, error: asAppError(error).message })
      return false
    }
  }
}
