import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { Agent, createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Ids } from '../../core/clock.ts'
import type { AppName } from '../../core/names.ts'
import { Secret } from '../../core/secret.ts'
import { listenPrivately } from '../../lib/files.ts'
import type { RegistryAddress } from './registry.ts'
import { permitted } from './rights.ts'

export interface GateOptions {
  /** Where the registry itself is, which asks no one. */
  readonly registry: RegistryAddress
  /** The gate's own socket; its folder is all that the builder sees of this node. */
  readonly socketPath: string
  readonly ids: Pick<Ids, 'hex'>
  /** Called with requests that the registry left without an answer. */
  readonly warn: (sentence: string, error: unknown) => void
}

/** The registry's word for one build, good until it is disposed of. */
export interface Pass extends Disposable {
  readonly user: AppName
  readonly password: Secret
}

/**
 * The builder's gate to the registry (decision: registry-always, docs/design/registry.md): every request carries the
 * token of a build that runs now, and is held against the rights of its app. Tokens live in this process alone: with
 * the control plane, or with the build, they are gone.
 */
export class RegistryGate {
  readonly #options: GateOptions
  /** Hash of a token → the app whose build holds it. */
  readonly #passes = new Map<string, AppName>()
  readonly #agent = new Agent({ keepAlive: true })
  #server: Promise<Server> | null = null

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** Listens from the first call on; the folder that the builder mounts is then there. */
  async open(): Promise<void> {
    this.#server ??= this.#listen()
    try {
      await this.#server
    } catch (error) {
      this.#server = null
      throw error
    }
  }

  /** A new token for one build of this app. */
  admit(app: AppName): Pass {
    const token = this.#options.ids.hex(32)
    this.#passes.set(hash(token), app)
    return {
      user: app,
      password: new Secret(token),
      [Symbol.dispose]: () => void this.#passes.delete(hash(token)),
    }
  }

  async close(): Promise<void> {
    const server = await this.#server
    this.#server = null
    server?.close()
    server?.closeAllConnections()
    this.#agent.destroy()
  }

  async #listen(): Promise<Server> {
    const { socketPath } = this.#options
    await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 })
    // A layer may be on its way for as long as a build lasts; clients keep connections between the steps of a push.
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 75_000 }, (request, response) =>
      this.#answer(request, response),
    )
    await listenPrivately(server, socketPath)
    return server
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const app = this.#appOf(request.headers.authorization)
    if (app === null) {
      const headers = { 'www-authenticate': 'Basic realm="lading"' }
      return refuse(response, 401, 'UNAUTHORIZED', 'the registry asks for the token of a build', headers)
    }
    const path = permitted(app, request.method ?? '', request.url ?? '')
    if (path === null) {
      return refuse(response, 403, 'DENIED', `a build of ${app} reads the platform's images and its own, no others`)
    }
    this.#forward(request, response, path).catch((error: unknown) => {
      this.#options.warn('the registry did not answer a build', error)
      if (response.headersSent) response.destroy()
      else refuse(response, 503, 'UNAVAILABLE', 'the registry does not answer')
    })
  }

  #appOf(authorization: string | undefined): AppName | null {
    const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]{1,500})$/i.exec(authorization ?? '') ?? []
    const [, password = ''] = /^[^:]*:(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
    return this.#passes.get(hash(password)) ?? null
  }

  async #forward(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const { registry } = this.#options
    const headers = passedOn(request.headers)
    const upstream = httpRequest({ ...registry, agent: this.#agent, method: request.method, path, headers })
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    upstream.once('response', resolve)
    // Stays: an answer that came before the whole body was sent ends in an error here, when it has been passed on.
    upstream.on('error', reject)
    response.once('close', () => {
      if (!response.writableFinished) upstream.destroy()
    })
    request.pipe(upstream)
    try {
      const answer = await promise
      response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers))
      await pipeline(answer, response)
    } catch (error) {
      // A build that was cancelled has no one left to tell.
      if (!response.destroyed) throw error
    }
  }
}

/** Without what is between two neighbours only; our tokens are none of the registry's business. */
function passedOn(headers: IncomingMessage['headers']): OutgoingHttpHeaders {
  const left = { ...headers }
  for (const name of ['authorization', 'connection', 'keep-alive']) delete left[name]
  return left
}

/** As the registry's own API words it, so that its clients can tell. */
function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const body = `${JSON.stringify({ errors: [{ code, message }] })}\n`
  // What the client still sends is not read: the connection ends with the answer.
  const type = { 'content-type': 'application/json', 'docker-distribution-api-version': 'registry/2.0' }
  response.writeHead(status, { ...type, ...headers, connection: 'close' }).end(body)
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
