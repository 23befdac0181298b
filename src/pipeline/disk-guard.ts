import type { Clock } from '../core/clock.ts'
import { asAppError } from '../core/errors.ts'
import { environmentId, environmentOf, label } from '../core/labels.ts'
import type { Limits } from '../core/limits.ts'
import { stoppedLabels, stoppedSentence } from '../core/stopped.ts'
import type { ContainerDisk, Engine } from '../docker/engine.ts'
import type { Deps } from './deps.ts'

export interface DiskGuardOptions {
  readonly engine: Pick<Engine, 'diskUse' | 'haltService' | 'removeContainer'>
  readonly clock: Clock
  readonly log: Deps['log']
  readonly limits: () => Pick<Limits, 'guardFreeBytes' | 'guardAppBytes'>
  /** On the disk of the engine's containers. */
  readonly freeBytes: () => Promise<number>
}

/** How often the file system is asked (ms): that costs nothing, and a disk fills by a gigabyte in some seconds. */
const tickMs = 1_000
/** After a measurement, so many times as long as it took nothing is measured: it walks all files. */
const restShare = 5

/** What the platform itself writes (its parts, the builder's cage) has limits of its own. */
const rolesOfApps = ['process', 'release-phase', 'one-off', 'verify']

/** All containers of one process type of one release, or a one-off. */
interface DiskWriter {
  readonly service: string | null
  readonly containers: readonly ContainerDisk[]
  readonly bytes: number
}

/**
 * Stops the app that fills the engine's disk, so that the others live (docs/design/disk-guard.md, with its states). It
 * has no memory that matters: whoever is stopped says so at its swarm service, and a guard that was killed between two
 * lines measures again.
 */
export class DiskGuard {
  readonly #options: DiskGuardOptions
  #isLow = false

  constructor(options: DiskGuardOptions) {
    this.#options = options
  }

  /** Until the signal; a failure is an event and no more. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    for (;;) {
      const began = clock.monotonic()
      await this.look(signal).catch((error: unknown) => {
        signal.throwIfAborted()
        log('disk not guarded', { error: asAppError(error).message })
      })
      await clock.sleep(Math.max(tickMs, (clock.monotonic() - began) * restShare), signal)
    }
  }

  /** Looks once: stops the one that has written most while the disk is low, and one at most. */
  async look(signal: AbortSignal): Promise<void> {
    const { engine, limits, log, freeBytes } = this.#options
    const { guardFreeBytes, guardAppBytes } = limits()
    const free = await freeBytes()
    if (free >= guardFreeBytes) {
      if (this.#isLow) log('disk has room again', { free })
      this.#isLow = false
      return
    }
    const writer = largestWriter(await engine.diskUse(signal), guardAppBytes)
    if (writer !== null) await this.#stop(writer, free, signal)
    else if (!this.#isLow) log('disk is low', { free, because: `no app has written ${guardAppBytes} bytes` })
    this.#isLow = true
  }

  async #stop({ service, containers, bytes }: DiskWriter, free: number, signal: AbortSignal): Promise<void> {
    const { engine, clock, log } = this.#options
    const { labels } = containers[0]!
    const remove = () => Promise.all(containers.map(({ container }) => engine.removeContainer(container, signal)))
    const stopped = { why: 'disk', bytes, at: clock.now() } as const
    if (service !== null) {
      const halt = () => engine.haltService(service, stoppedLabels(stopped), signal)
      // Swarm writes its word on the same disk: where that is full by now, room comes first, and then the word.
      await halt().catch(() => remove().then(halt))
    }
    await remove()
    const role = labels[label.type] ?? labels[label.role] ?? 'process'
    log('stopped for the disk', {
      environment: environmentId(environmentOf(labels)),
      reason: stoppedSentence(role, labels[label.release] ?? '?', stopped),
      free,
    })
  }
}

/** Of those that may be stopped the one that has written most, if it has written at least so much (bytes). */
export function largestWriter(all: readonly ContainerDisk[], least: number): DiskWriter | null {
  const ofApps = all.filter(({ labels }) => rolesOfApps.includes(labels[label.role] ?? 'process'))
  const writers = [...Map.groupBy(ofApps, one => one.service ?? one.container).values()].map(containers => ({
    service: containers[0]!.service,
    containers,
    bytes: containers.reduce((sum, one) => sum + one.bytes, 0),
  }))
  const largest = writers.toSorted((a, b) => b.bytes - a.bytes)[0]
  return largest === undefined || largest.bytes < least ? null : largest
}
