import type { Clock } from '../../core/clock.ts'
import { asAppError } from '../../core/errors.ts'

interface Deps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly fetch: (url: string, options: { readonly signal: AbortSignal }) => Promise<unknown>
  readonly log: (sentence: string, facts: { readonly error: string }) => void
}

/** Each question costs 3 s where packets are dropped; what was answered is not true for ever. */
const believedMs = 60_000
const patienceMs = 3_000

/**
 * Whether a Dockerfile may name images of public registries (decision: no-docker-hub): any answer, a refusal too, says
 * that they are in reach. A yes and a no are believed for a minute; builds that ask meanwhile wait for the same answer.
 */
export function publicRegistry({ clock, fetch, log }: Deps): () => Promise<boolean> {
  let asked = -Infinity
  let answer = Promise.resolve(false)
  const ask = async () => {
    try {
      await fetch('https://registry-1.docker.io/v2/', { signal: AbortSignal.timeout(patienceMs) })
      return true
    } catch (error) {
      log('no public registry in reach', { error: asAppError(error).message })
      return false
    }
  }
  return () => {
    if (clock.monotonic() - asked >= believedMs) {
      asked = clock.monotonic()
      answer = ask()
    }
    return answer
  }
}
