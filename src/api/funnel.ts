/** Several writers, one reader, in order of arrival. What was written before the end is still read. */
export class Funnel<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  #wake: () => void = () => undefined
  #ended = false

  write(item: T): void {
    this.#items.push(item)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) yield item
      else if (this.#ended) return
      else await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }
}
