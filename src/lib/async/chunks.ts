/** What of a stream is used here: Node's `Writable` and `Duplex` are such. */
interface Reader {
  readonly destroyed: boolean
  readonly writableEnded: boolean
  write(chunk: Uint8Array): boolean
  end(): unknown
  on(event: 'error', listener: () => void): unknown
  once(event: 'close' | 'drain', listener: () => void): unknown
}

/**
 * Writes all chunks at the reader's pace, then ends `out`. Resolves at their end, or when no one reads `out` any more: a program that
 * ends before it has read everything says by its exit code what it means. The rest of the chunks is cancelled then. Rejects
 * with what they fail with; `out` is not ended then.
 */
export async function sendChunks(chunks: AsyncIterable<Uint8Array>, out: Reader): Promise<void> {
  const closed = new Promise<null>(resolve => out.once('close', () => resolve(null)))
  // Its close follows.
  out.on('error', () => {})
  const source = chunks[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([closed, source.next()])
    if (next?.done === true) return void out.end()
    if (next === null || out.destroyed || out.writableEnded) return void (await source.return?.())
    if (out.write(next.value)) continue
    await Promise.race([new Promise<void>(resolve => out.once('drain', resolve)), closed])
  }
}

/** The same chunks, of which no one can cancel the rest: to cancel the body of a request cuts the line before its answer. */
export function uncancelled<T>(chunks: AsyncIterable<T>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = chunks[Symbol.asyncIterator]()
      return { next: () => source.next() }
    },
  }
}
