import type { LogLine } from './engine.ts'

type Stream = LogLine['stream']

/** A line longer than this is cut: an app that never ends a line must not fill our memory (bytes). */
const longestLine = 1024 * 1024

/**
 * The engine's multiplexed log stream as lines. Each frame is one byte for the stream (1, 2), three zeros, the length
 * (32 bits, big endian) and the text, which begins with its time stamp. A line over 16 KiB comes as several frames, of
 * which only the last ends in a line break. Source: Docker Engine API, "Attach to a container", stream format.
 */
export async function* logLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LogLine> {
  const open = new Map<Stream, { time: string; text: string }>()
  for await (const { stream, payload } of frames(chunks)) {
    const space = payload.indexOf(0x20)
    const time = payload.toString('latin1', 0, space)
    const text = payload.toString('utf8', space + 1)
    const begun = open.get(stream) ?? { time, text: '' }
    begun.text += text
    if (text.endsWith('\n') || begun.text.length > longestLine) {
      open.delete(stream)
      yield { time: begun.time, stream, text: begun.text.replace(/\r?\n$/, '') }
    } else {
      open.set(stream, begun)
    }
  }
  for (const [stream, { time, text }] of open) yield { time, stream, text }
}

/** The frames themselves, of a log or of an exec. */
export async function* frames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ stream: Stream; payload: Buffer }> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    while (rest.length >= 8) {
      const end = 8 + rest.readUInt32BE(4)
      if (rest.length < end) break
      yield { stream: rest[0] === 2 ? 'stderr' : 'stdout', payload: rest.subarray(8, end) }
      rest = rest.subarray(end)
    }
  }
}
