import type { Clock } from '../../core/clock.ts'

/**
 * The newest value of `source`, again at least every `everyMs`: a loop that must also notice that nothing happens.
 * The first item comes when the source has given one. Ends with the source; stops it when the reader leaves.
 */
export async function* withTicks<T>(
  source: AsyncIterable<T>,
  { clock, everyMs }: { readonly clock: Clock; readonly everyMs: number },
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let latest: { readonly value: T } | null = null
  let pending = iterator.next()
  try {
    for (;;) {
      const tick = new AbortController()
      const ticking: Promise<'tick'> = latest === null ? never : clock.sleep(everyMs, tick.signal).then(asTick, asTick)
      const winner: 'tick' | IteratorResult<T> = await Promise.race([pending, ticking])
      tick.abort()
      if (winner !== 'tick') {
        if (winner.done) return
        latest = { value: winner.value }
        pending = iterator.next()
      }
      if (latest) yield latest.value
    }
  } finally {
    // The source may be waiting for its next item and never answer; no one needs its last word.
    pending.catch(() => undefined)
    void iterator.return?.()?.then(undefined, () => undefined)
  }
}

const never = new Promise<never>(() => undefined)
const asTick = () => 'tick' as const

/** The first value for which `test` holds; the source's end without one is `undefined`. */
export async function first<T>(source: AsyncIterable<T>, test: (value: T) => boolean): Promise<T | undefined> {
  for await (const value of source) if (test(value)) return value
  return undefined
}
