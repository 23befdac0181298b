import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { wholeLines } from '../../lib/async/lines.ts'
import type { Supervisor } from '../haproxy/supervisor.ts'

/**
 * New lines of a ring, for as long as the signal lives. A ring starts over with each HAProxy: the reader goes over to
 * the newest one, and does not keep an old one alive.
 */
export async function* followRing(
  supervisor: Supervisor,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<string> {
  while (!signal.aborted) {
    const { running } = supervisor
    if (running) {
      const own = new AbortController()
      const either = AbortSignal.any([signal, own.signal, supervisor.replaced(running)])
      try {
        yield* wholeLines(running.runtime.stream(`show events ${name} -w -n`, either))
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'unavailable')) throw error
      } finally {
        own.abort()
      }
    }
    if (!signal.aborted) await clock.sleep(50)
  }
}
