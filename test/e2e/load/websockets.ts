import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { dial, LoadError } from './connection.ts'
import type { LoadOptions, WebSocketStream } from './options.ts'
import { now, type Tally } from './report.ts'

const TIMEOUT_MS = 10_000
const WORD_EVERY_MS = 1000
const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const

/**
 * Holds WebSockets open. Each handshake counts as sent; it is ok when the connection was held until it was cut by a
 * close or by the end of the load, and failed when it was refused or an echo did not come.
 */
export class WebSockets {
  readonly #options: LoadOptions
  readonly #stream: WebSocketStream
  readonly #tally: Tally
  readonly #held = new Set<Held>()
  #stopped = false

  constructor(options: LoadOptions, stream: WebSocketStream, tally: Tally) {
    this.#options = options
    this.#stream = stream
    this.#tally = tally
  }

  start(): void {
    for (let n = 0; n < this.#stream.count; n++) void this.#hold()
  }

  stop(): void {
    this.#stopped = true
    for (const held of this.#held) held.leave()
  }

  /** One holder: connects, holds, and connects again at once when it is cut. A refusal ends it: that is the failure. */
  async #hold(): Promise<void> {
    while (!this.#stopped) {
      const opening = now()
      this.#tally.sent()
      const held = new Held(dial(this.#options, this.#stream.host), this.#stream)
      this.#held.add(held)
      try {
        const openedAt = await held.opened()
        this.#tally.hold(1)
        const code = await held.closed().finally(() => this.#tally.hold(-1))
        const cutAt = now()
        if (!this.#stopped) this.#tally.cut({ openedAt, cutAt, code, hello: held.hello })
        this.#tally.ok({ due: opening, sent: opening, answered: openedAt }, held.hello)
      } catch (error) {
        if (!(error instanceof LoadError)) throw error
        this.#tally.failed(error.message, opening)
        return
      } finally {
        this.#held.delete(held)
      }
    }
  }
}

/** One WebSocket as its client sees it (RFC 6455). */
class Held {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #opening = Promise.withResolvers<number>()
  readonly #closing = Promise.withResolvers<number | null>()
  #received: Buffer = Buffer.alloc(0)
  #upgraded = false
  #leaving = false
  #word = 0
  #echoed = 0
  #code: number | null = null
  #deadline: NodeJS.Timeout
  #speaker: NodeJS.Timeout | undefined
  /** The first text that the server said by itself. */
  hello = ''

  constructor(socket: Socket, stream: WebSocketStream) {
    this.#socket = socket
    this.#timeoutMs = stream.timeoutMs ?? TIMEOUT_MS
    this.#closing.promise.catch(() => undefined) // A refused one is told by opened().
    this.#deadline = this.#arm('time-out of the handshake')
    const key = randomBytes(16).toString('base64')
    const upgrade = 'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13'
    socket.write(
      `GET ${stream.path} HTTP/1.1\r\nhost: ${stream.host}\r\n${upgrade}\r\nsec-websocket-key: ${key}\r\n\r\n`,
    )
    socket.on('data', chunk => this.#take(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    socket.on('close', () => this.#end('connection closed'))
    socket.on('end', () => socket.end())
  }

  opened(): Promise<number> {
    return this.#opening.promise
  }

  /** Resolves with the close code; null: cut without a close frame. Rejects when an echo did not come in time. */
  closed(): Promise<number | null> {
    return this.#closing.promise
  }

  /** Leaves at once, or as soon as the handshake that is under way has come to its end. */
  leave(): void {
    this.#leaving = true
    if (!this.#upgraded) return
    this.#send(OPCODE.close, Buffer.from([0x03, 0xe8]))
    this.#end('left')
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    if (!this.#upgraded && !this.#upgrade()) return
    for (let frame = this.#next(); frame; frame = this.#next()) this.#hear(frame.opcode, frame.payload)
  }

  #upgrade(): boolean {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return false
    const status = Number(this.#received.toString('latin1', 9, 12))
    if (status !== 101) {
      this.#fail(`status ${status}`)
      return false
    }
    this.#received = this.#received.subarray(end + 4)
    this.#upgraded = true
    clearTimeout(this.#deadline)
    this.#opening.resolve(now())
    this.#speaker = setInterval(() => this.#speak(), WORD_EVERY_MS)
    if (this.#leaving) this.leave()
    return true
  }

  #speak(): void {
    if (this.#word !== this.#echoed) return // The deadline for the last one is armed.
    this.#word++
    this.#deadline = this.#arm('time-out of an echo')
    this.#send(OPCODE.text, Buffer.from(`echo ${this.#word}`))
  }

  #hear(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) return this.#send(OPCODE.pong, payload)
    if (opcode === OPCODE.close) {
      this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
      this.#send(OPCODE.close, payload.subarray(0, 2))
      this.#socket.end()
      return
    }
    const text = payload.toString()
    if (text === `echo ${this.#word}`) {
      this.#echoed = this.#word
      clearTimeout(this.#deadline)
    } else if (this.hello === '') this.hello = text
  }

  /** The next whole frame. Servers do not mask, and no test app sends more than 64 KiB in one. */
  #next(): { opcode: number; payload: Buffer } | null {
    const [first, second] = this.#received
    if (first === undefined || second === undefined) return null
    const short = second & 0x7f
    const start = short === 126 ? 4 : 2
    if (this.#received.length < start) return null
    const length = short === 126 ? this.#received.readUInt16BE(2) : short
    if (this.#received.length < start + length) return null
    const payload = this.#received.subarray(start, start + length)
    this.#received = this.#received.subarray(start + length)
    return { opcode: first & 0x0f, payload }
  }

  #send(opcode: number, payload: Buffer): void {
    if (!this.#socket.writable) return
    const mask = randomBytes(4)
    const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]))
  }

  #arm(cause: string): NodeJS.Timeout {
    return setTimeout(() => this.#fail(cause), this.#timeoutMs)
  }

  #fail(cause: string): void {
    this.#quiet()
    const error = new LoadError(cause)
    this.#opening.reject(error)
    this.#closing.reject(error)
    this.#socket.destroy()
  }

  #end(cause: string): void {
    this.#quiet()
    this.#opening.reject(new LoadError(cause))
    this.#closing.resolve(this.#code)
  }

  #quiet(): void {
    clearTimeout(this.#deadline)
    clearInterval(this.#speaker)
  }
}
