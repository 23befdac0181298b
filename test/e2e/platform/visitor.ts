import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { request as requestPlain, type IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Platform } from '../host.ts'

export interface Ask {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array>
  /** Port 80. */
  readonly plain?: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Someone on the network outside who trusts the platform's own CA and no one else. */
export class Visitor {
  readonly #address: string
  readonly #ca: string

  private constructor(address: string, ca: string) {
    this.#address = address
    this.#ca = ca
  }

  static async of({ host }: Platform): Promise<Visitor> {
    return new Visitor(host.address, await host.run(['cat', '/etc/lading/ca.pem']))
  }

  /** Over HTTP/1.1; the answer's head, its body still to be read. */
  async open(host: string, { path = '/', method = 'GET', headers = {}, body, plain = false }: Ask = {}) {
    const to = { host: this.#address, path, method, headers: { host, ...headers }, agent: false }
    const request = plain
      ? requestPlain({ ...to, port: 80 })
      : requestTls({ ...to, port: 443, servername: host, ca: this.#ca })
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.once('upgrade', resolve)
      request.once('error', reject)
    })
    await pipeline(Readable.from(body ?? []), request)
    return answer
  }

  async ask(host: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.open(host, ask)
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) }
  }

  /** A TLS connection that speaks what the edge agrees to. */
  async dial(host: string, protocols: readonly string[]): Promise<TLSSocket> {
    const to = { host: this.#address, port: 443, servername: host, ca: this.#ca, ALPNProtocols: [...protocols] }
    const socket = connectTls(to)
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    return socket
  }

  async http2(host: string): Promise<ClientHttp2Session> {
    const socket = await this.dial(host, ['h2'])
    return connectHttp2(`https://${host}`, { createConnection: () => socket })
  }
}

/** One request on an HTTP/2 connection, with its trailers. */
export async function askHttp2(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body = Buffer.alloc(0),
): Promise<Answer & { readonly trailers: IncomingHttpHeaders }> {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body.length === 0 })
  if (body.length > 0) stream.end(body)
  let trailers: IncomingHttpHeaders = {}
  stream.once('trailers', (given: IncomingHttpHeaders) => (trailers = given))
  const head = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve)
    stream.once('error', reject)
  })
  const given = await head
  return { status: Number(given[':status']), headers: given, body: await buffer(stream), trailers }
}
