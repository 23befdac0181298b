import type { Clock } from '../core/clock.ts'
import { asAppError } from '../core/errors.ts'

interface Tools {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly fetch: (url: string, options: { readonly signal: AbortSignal }) => Promise<Pick<Response, 'status'>>
  readonly log: (sentence: string, facts: { readonly error: string }) => void
}

/** Each question costs 3 s where packets are dropped; what was answered is not true for ever. */
const believedMs = 60_000
const patienceMs = 3_000

/**
 * Whether a Dockerfile may name images of public registries (D7): any answer, also 401, says that they are in reach, but
 * for 429, for who gets that gets no images. A yes and a no are believed for a minute; builds that ask meanwhile wait for
 * the same answer.
 */
export function publicRegistry({ clock, fetch, log }: Tools): () => Promise<boolean> {
  let asked = -Infinity
  let answer = Promise.resolve(false)
  const ask = async () => {
    try {
      const { status } = await fetch('https://registry-1.docker.io/v2/', { signal: AbortSignal.timeout(patienceMs) })
      if (status !== 429) return true
      log('no public registry gives images', { error: 'Docker Hub answered 429: too many requests' })
    } catch (error) {
      log('no public registry in reach', { error: asAppError(error).message })
    }
    return false
  }
  return () => {
    if (clock.monotonic() - asked >= believedMs) {
      asked = clock.monotonic()
      answer = ask()
    }
    return answer
  }
}
