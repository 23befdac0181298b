/** How much is held of a line that has no end yet (characters), and which part of one that is longer. */
export interface LineBound {
  readonly characters: number
  readonly keeps: 'beginning' | 'end'
}

/** Text in pieces of any size → whole lines, without their ends; an empty line is a line. */
export class LineSplitter {
  readonly #bound: LineBound
  /** Joined when the line's end has come: text that grows piece by piece is copied piece by piece. */
  #pieces: string[] = []
  #held = 0

  constructor(bound: LineBound = { characters: Infinity, keeps: 'beginning' }) {
    this.#bound = bound
  }

  /** The text after the last line's end: no line yet. */
  get rest(): string {
    return this.#pieces.join('')
  }

  /** The lines that end within this piece. */
  push(piece: string): readonly string[] {
    const [first = '', ...further] = piece.split('\n')
    this.#hold(first)
    return further.map(next => {
      const line = this.rest
      this.#pieces = []
      this.#held = 0
      this.#hold(next)
      return line
    })
  }

  #hold(part: string): void {
    const { characters, keeps } = this.#bound
    if (keeps === 'end') {
      this.#pieces = [(this.rest + part).slice(-characters)]
    } else if (this.#held < characters) {
      this.#pieces.push(part.slice(0, characters - this.#held))
      this.#held += part.length
    }
  }
}

/** The whole lines of a text in pieces; a last line without its end is dropped, for it may be half. */
export async function* wholeLines(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  const splitter = new LineSplitter()
  for await (const piece of pieces) yield* splitter.push(piece)
}

/** The lines of a byte stream in UTF-8, a last one without its end included. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  const splitter = new LineSplitter()
  for await (const chunk of stream) yield* splitter.push(decoder.decode(chunk, { stream: true }))
  if (splitter.rest !== '') yield splitter.rest
}
