import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import type { LoadOptions } from './options.ts'

export interface Answer {
  readonly status: number
  readonly body: string
}

/** What ended a request without an answer; `cause` is one of few words, so that failures can be counted by it. */
export class LoadError extends Error {}

/** Opens a socket to the edge; the caller hears `connect` and `error`. */
export function dial({ connect, tls }: LoadOptions, host: string): Socket {
  const to = { host: connect.address, port: connect.port, noDelay: true }
  if (!tls) return connectPlain(to)
  const trust = tls.ca === undefined ? { rejectUnauthorized: false } : { ca: tls.ca }
  return connectTls({ ...to, ...trust, servername: host, ALPNProtocols: ['http/1.1'] })
}

/**
 * One HTTP/1.1 connection with one request at a time. By hand on the socket, because 2,000 requests a second through
 * node:http would take the core that the platform under test needs.
 */
export class Connection {
  readonly socket: Socket
  reused = false
  #pending: { done: (answer: Answer) => void; fail: (error: LoadError) => void } | null = null
  #received: Buffer = Buffer.alloc(0)
  #keep = true
  readonly #idle: (connection: Connection) => void

  /** `idle` is called when an answer is whole and the connection may take another request. */
  constructor(socket: Socket, idle: (connection: Connection) => void) {
    this.socket = socket
    this.#idle = idle
    socket.on('data', chunk => this.#take(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#broken(error.code ?? error.message))
    socket.on('end', () => this.#ended())
    socket.on('close', () => this.#broken('connection closed'))
  }

  get open(): boolean {
    return this.#keep && !this.socket.destroyed && this.socket.writable
  }

  /** Waits for the answer to what the caller writes. Rejects with a LoadError when there is none. */
  expect(): Promise<Answer> {
    return new Promise((done, fail) => {
      this.#pending = { done, fail }
    })
  }

  /** Ends the connection, if it can be without leaving a port in TIME_WAIT: at 2,000 a second they would run out. */
  abandon(cause: string): void {
    this.#broken(cause)
    if (this.socket instanceof TLSSocket) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  #take(chunk: Buffer): void {
    if (!this.#pending) return this.abandon('answer without a request')
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const parsed = parse(this.#received, false)
    if (parsed) this.#finish(parsed)
  }

  #ended(): void {
    const parsed = this.#pending && parse(this.#received, true)
    this.#keep = false
    if (parsed) this.#finish(parsed)
    this.#broken('connection closed')
    this.socket.end()
  }

  #finish(parsed: Parsed): void {
    const pending = this.#pending
    this.#pending = null
    this.#received = Buffer.alloc(0)
    this.#keep &&= parsed.keep
    this.reused = true
    pending?.done(parsed.answer)
    if (this.#keep) this.#idle(this)
  }

  #broken(cause: string): void {
    this.#keep = false
    const pending = this.#pending
    this.#pending = null
    pending?.fail(new LoadError(cause))
  }
}

interface Parsed {
  readonly answer: Answer
  readonly keep: boolean
}

/** Null: not whole yet. `ended`: the other side will send no more, which also ends a body without a length. */
function parse(received: Buffer, ended: boolean): Parsed | null {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = received.toString('latin1', 0, headEnd).toLowerCase()
  const status = Number(head.slice(9, 12))
  const rest = received.subarray(headEnd + 4)
  if (status < 200) return rest.length > 0 ? parse(rest, ended) : null
  const keep = !head.includes('\r\nconnection: close') && head.startsWith('http/1.1')
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1]
  if (length !== undefined) {
    if (rest.length < Number(length)) return null
    return { answer: { status, body: rest.toString('utf8', 0, Number(length)) }, keep }
  }
  if (head.includes('\r\ntransfer-encoding: chunked')) {
    const body = unchunk(rest)
    return body === null ? null : { answer: { status, body }, keep }
  }
  if (status === 204 || status === 304) return { answer: { status, body: '' }, keep }
  return ended ? { answer: { status, body: rest.toString() }, keep: false } : null
}

function unchunk(encoded: Buffer): string | null {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = encoded.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = parseInt(encoded.toString('latin1', at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (encoded.length < next) return null
    if (size === 0) return Buffer.concat(parts).toString()
    parts.push(encoded.subarray(lineEnd + 2, next - 2))
    at = next
  }
}
