/** Text in pieces → whole lines; a last line without its end is dropped, for it may be half. */
export async function* wholeLines(pieces: AsyncIterable<string>): AsyncIterable<string> {
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
