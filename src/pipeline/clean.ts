import type { WantedImages } from '../build/registry/retention.ts'
import { kindRepository } from '../core/attached.ts'
import type { Clock } from '../core/clock.ts'
import { defaults } from '../core/defaults.ts'
import { asAppError } from '../core/errors.ts'
import { imagesToKeep } from '../core/keep.ts'
import { parseAppName, parseImageReference, partsOfImage, type AppName, type Digest } from '../core/names.ts'
import type { Pipeline } from './pipeline.ts'
import type { Deps } from './deps.ts'

/** When a build ran: asked again so soon (ms). */
const busyAgainMs = 60_000

/** Every hour the images that nothing needs go, until the signal. A failure is an event and no more. */
export async function cleanPeriodically(
  pipeline: Pick<Pipeline, 'clean'>,
  { clock, log }: { readonly clock: Clock; readonly log: Deps['log'] },
  signal: AbortSignal,
): Promise<void> {
  for (let pause: number = busyAgainMs; ;) {
    await clock.sleep(pause, signal)
    pause = defaults.cleaningMs
    try {
      const cleaned = await pipeline.clean()
      if (cleaned === null) pause = busyAgainMs
      else if (cleaned.fromRegistry + cleaned.fromEngine > 0) log('images removed', { ...cleaned })
    } catch (error) {
      signal.throwIfAborted()
      const { message, details } = asAppError(error)
      log('images not removed', { error: message, details })
    }
  }
}

/**
 * Lines of old runs, and the pins of old pushes that became nothing: their commits are git's to collect. Releases keep
 * theirs, for what they were built from may be built again.
 */
export async function forgetHistory(
  { store, repositories, limits }: Pick<Deps, 'store' | 'repositories' | 'limits'>,
  signal: AbortSignal,
): Promise<void> {
  for (const key of await store.listEnvironments()) {
    const over = new Set(await store.forgetLines(key, limits().runsKept))
    if (over.size === 0) continue
    for (const run of await repositories.pins(key.app, signal)) {
      if (over.has(run)) await repositories.unpin(key.app, run, signal)
    }
  }
}

/** Of each app the images that must stay; all of them while a run of it is under way. */
export async function wantedImages({ store, limits }: Pick<Deps, 'store' | 'limits'>): Promise<WantedImages> {
  const wanted = new Map<AppName, Set<Digest> | null>()
  for (const { app } of await store.listApps()) wanted.set(app, new Set())
  for (const key of await store.listEnvironments()) {
    const imageOf = async (release: number) => (await store.findRelease(key, release))?.image.reference ?? null
    const images = await imagesToKeep(await store.standingRuns(key), limits().imagesKept, imageOf)
    for (const image of images) wanted.get(key.app)?.add(partsOfImage(parseImageReference(image)).digest)
  }
  // Few, and a service that is made again asks for what it had.
  for (const { kind } of await store.listServices()) wanted.set(parseAppName(kindRepository(kind)), null)
  // Last: a run that began meanwhile may have found an image that is not among those, and may be live by now.
  for (const run of await store.openRuns()) wanted.set(run.app, null)
  return wanted
}
