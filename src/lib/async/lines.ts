/** Text in pieces of any size → whole lines, without their ends; an empty line is a line. */
export class LineSplitter {
  #rest = ''

  /** The text after the last line's end: no line yet. */
  get rest(): string {
    return this.#rest
  }

  /** The lines that end within this piece. */
  push(piece: string): readonly string[] {
    const lines = (this.#rest + piece).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines
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
