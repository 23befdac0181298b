/** What the load generator is asked to do; plain data, because it travels to a process of its own. */
export interface LoadOptions {
  /** Where all connections go: an edge. Names in `host` need no name server. */
  readonly connect: { readonly address: string; readonly port: number }
  /** TLS with SNI by `host`; `ca` is PEM, without it certificates are not checked. */
  readonly tls?: { readonly ca?: string }
  readonly streams: readonly Stream[]
}

interface StreamBase {
  /** Names the stream in the report. */
  readonly name: string
  /** The Host header. */
  readonly host: string
  readonly path: string
}

/** Requests at a fixed arrival rate, however slow the answers are. */
export interface RequestStream extends StreamBase {
  readonly kind: 'requests'
  /** Per second. */
  readonly rate: number
  /** True: idle connections are used again; false: one connection per request. */
  readonly keepAlive: boolean
  /** From its arrival to the last byte of the answer. Default 10,000. */
  readonly timeoutMs?: number
  /** An answer whose body does not start with it fails as `wrong answer`. */
  readonly expect?: string
}

/** POSTs whose bodies take `overMs` to send; the answer must hold their length and SHA-256. */
export interface UploadStream extends StreamBase {
  readonly kind: 'uploads'
  readonly rate: number
  readonly bytes: number
  readonly overMs: number
  readonly timeoutMs?: number
}

/** WebSockets held open; each says a word a second and wants it back. One that is cut connects again at once. */
export interface WebSocketStream extends StreamBase {
  readonly kind: 'websockets'
  readonly count: number
  /** For a handshake and for an echo. Default 10,000. */
  readonly timeoutMs?: number
}

export type Stream = RequestStream | UploadStream | WebSocketStream
