import { AppError } from '../../core/errors.ts'

/** pkt-line framing (git's documentation, "gitprotocol-common"): four hex digits of length, themselves included. */
export const flush = Buffer.from('0000')
const longest = 65_520

export function packet(payload: string | Uint8Array): Buffer {
  const body = Buffer.from(payload as string)
  if (body.length + 4 > longest) throw new AppError('internal', `a packet cannot hold ${body.length} bytes`)
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body])
}

/** Cuts a stream of chunks into packets. It always takes what comes, so that the end of the other side is seen. One reader at a time. */
export class PacketReader {
  readonly #chunks: Buffer[] = []
  #size = 0
  #ended = false
  #wake: () => void = () => {}

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** The next packet's payload, null for a flush packet. Rejects `unavailable` when the stream ends before it. */
  async next(): Promise<Buffer | null> {
    const head = (await this.#take(4)).toString('latin1')
    const length = /^[0-9a-f]{4}$/i.test(head) ? Number.parseInt(head, 16) : -1
    if (length === 0) return null
    if (length < 4 || length > longest) throw new AppError('internal', `not a packet: ${JSON.stringify(head)}`)
    return this.#take(length - 4)
  }

  /** All packets up to the next flush, as text without the line break; rejects `invalid-input` above `most`. */
  async section(most = Infinity): Promise<string[]> {
    const lines: string[] = []
    for (let line = await this.next(); line !== null; line = await this.next()) {
      if (lines.length >= most) throw new AppError('invalid-input', `there are more than ${most} lines at once`)
      lines.push(line.toString().replace(/\n$/, ''))
    }
    return lines
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#size < size) {
      if (this.#ended) throw new AppError('unavailable', 'the other side ended in the middle of a packet')
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks.length = 0
    this.#size -= size
    if (this.#size > 0) this.#chunks.push(all.subarray(size))
    return all.subarray(0, size)
  }
}
