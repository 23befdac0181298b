import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, TLSSocket } from 'node:tls'
import { must } from '../rig/program.ts'

interface Pair {
  readonly key: string
  readonly cert: string
}

/** A company's HTTP proxy: it reads what goes through TLS, with certificates of an authority that no one else knows. */
export class CompanyProxy implements AsyncDisposable {
  /** What it was asked for: `http://deb.debian.org`, `https://registry.npmjs.org`. */
  readonly seen = new Set<string>()
  /** PEM of its authority. */
  readonly authority: string
  readonly url: string
  readonly #folder: string
  readonly #server: Server
  readonly #pairs = new Map<string, Promise<Pair>>()

  private constructor(folder: string, server: Server, authority: string, address: string) {
    this.#folder = folder
    this.#server = server
    this.authority = authority
    this.url = `http://${address}`
  }

  /** Listens on this address, on any port. */
  static async start(host: string): Promise<CompanyProxy> {
    const folder = await mkdtemp(join(tmpdir(), 'lading-proxy-'))
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, host, resolve))
    const { port } = server.address() as { port: number }
    const [key, cert] = [join(folder, 'ca.key'), join(folder, 'ca.pem')]
    const subject = ['-subj', '/O=A company/CN=A company’s proxy', '-days', '2', '-noenc']
    await must(['openssl', 'req', '-x509', ...newKey, ...subject, '-keyout', key, '-out', cert])
    const proxy = new CompanyProxy(folder, server, await readFile(cert, 'utf8'), `${host}:${port}`)
    server.on('request', (asked: IncomingMessage, answer: ServerResponse) => proxy.#pass(asked, answer))
    server.on('connect', (asked: IncomingMessage, socket: Socket) => void proxy.#tunnel(asked.url ?? '', socket))
    return proxy
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    const url = new URL(asked.url ?? '')
    this.seen.add(url.origin)
    const onward = request(url, { method: asked.method, headers: asked.headers }, reply => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(answer)
    })
    onward.on('error', () => answer.writeHead(502).end())
    asked.pipe(onward)
  }

  /** Ends TLS on both sides and passes on what was said in between. */
  async #tunnel(target: string, socket: Socket): Promise<void> {
    const [host = '', port = ''] = target.split(':')
    this.seen.add(`https://${host}`)
    socket.on('error', () => socket.destroy())
    const { key, cert } = await (this.#pairs.get(host) ?? this.#newPair(host))
    const outer = connect({ host, port: Number(port), servername: host, ALPNProtocols: ['http/1.1'] })
    outer.on('error', () => socket.destroy())
    outer.once('secureConnect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      const inner = new TLSSocket(socket, { isServer: true, key, cert, ALPNProtocols: ['http/1.1'] })
      inner.on('error', () => outer.destroy())
      inner.pipe(outer).pipe(inner)
    })
  }

  #newPair(host: string): Promise<Pair> {
    const pair = this.#sign(host)
    this.#pairs.set(host, pair)
    return pair
  }

  async #sign(host: string): Promise<Pair> {
    const [key, cert] = [join(this.#folder, `${host}.key`), join(this.#folder, `${host}.pem`)]
    const ca = ['-CA', join(this.#folder, 'ca.pem'), '-CAkey', join(this.#folder, 'ca.key')]
    const what = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-days', '1', '-noenc']
    await must(['openssl', 'req', '-x509', ...ca, ...newKey, ...what, '-keyout', key, '-out', cert])
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await rm(this.#folder, { recursive: true })
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha256']
