const most = 1_000

/** Several writers, one reader, in order of arrival. What was written before the end is still read. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  #wake: () => void = () => undefined
  #room: PromiseWithResolvers<void> | null = null
  #ended = false

  /** Resolves when there is room for more: who waits for it is no faster than the reader, who may have paused for hours. */
  write(item: T): Promise<void> {
    if (this.#ended) return Promise.resolve()
    this.#items.push(item)
    this.#wake()
    if (this.#items.length < most) return Promise.resolve()
    this.#room ??= Promise.withResolvers<void>()
    return this.#room.promise
  }

  end(): void {
    this.#ended = true
    this.#wake()
    this.#giveRoom()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const item = this.#items.shift()
        if (this.#items.length < most) this.#giveRoom()
        if (item !== undefined) yield item
        else if (this.#ended) return
        else await new Promise<void>(resolve => (this.#wake = resolve))
      }
    } finally {
      this.end()
    }
  }

  #giveRoom(): void {
    this.#room?.resolve()
    this.#room = null
  }
}
