import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorOfConnection, errorOfResponse } from './http-errors.ts'

export interface DockerAddress {
  readonly socketPath: string
  /** Before every path: `/engine` on the keeper's socket, nothing on the engine's own. */
  readonly prefix?: string
  /** Asked at each call: the lease's term moves on while the client lives. */
  readonly headers?: () => Readonly<Record<string, string>>
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Without version: `/services/create`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The newest API whose documentation we have read. An engine that is newer is spoken to in this one. */
const newestKnown = '1.51'

/**
 * The engine's HTTP API over a Unix socket. It never pins a version (decision: swarm-is-the-cluster): `GET /version` is
 * asked once and again after a lost connection, for the engine may have been upgraded. Connections are not kept: on a
 * Unix socket a new one costs nothing, and a kept one may be dead. Rejects with `AppError`, by status code
 * (http-errors.ts), or with the signal's reason. It never repeats a call.
 */
export class DockerHttp {
  readonly #address: DockerAddress
  #version: string | null = null

  constructor(address: DockerAddress) {
    this.#address = address
  }

  /** The answer's JSON; null for an empty answer. */
  async json(call: Call, signal: AbortSignal): Promise<unknown> {
    const text = await readAll(await this.stream(call, signal), signal)
    return text === '' ? null : (JSON.parse(text) as unknown)
  }

  /** The answer's body as it comes. The caller reads it to the end or destroys it; an abort ends it too. */
  async stream(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const path = `/v${await this.#negotiated(signal)}${call.path}${queryText(call.query)}`
    return this.#answer(this.#open(call.method, path, call.body, signal, call.headers), signal)
  }

  /**
   * A raw connection after `101 Switching Protocols` (attach, exec). Ending its writing side sends end of file to the
   * process and leaves the reading side open.
   */
  async upgrade(call: Call, signal: AbortSignal): Promise<Duplex> {
    const path = `/v${await this.#negotiated(signal)}${call.path}${queryText(call.query)}`
    const request = this.#open(call.method, path, call.body, signal, { connection: 'Upgrade', upgrade: 'tcp' })
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
    request.once('upgrade', (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      signal.addEventListener('abort', () => socket.destroy(), { once: true })
      resolve(socket)
    })
    this.#answer(request, signal).then(response => {
      response.destroy()
      reject(new Error(`the engine answered ${response.statusCode} instead of switching protocols`))
    }, reject)
    return promise
  }

  /** Whether the API that is spoken is of this version, such as `1.45`, or newer. */
  async speaks(version: string, signal: AbortSignal): Promise<boolean> {
    return compare(await this.#negotiated(signal), version) >= 0
  }

  async #negotiated(signal: AbortSignal): Promise<string> {
    if (this.#version !== null) return this.#version
    const response = await this.#answer(this.#open('GET', '/version', undefined, signal), signal)
    const version = JSON.parse(await readAll(response, signal)) as { ApiVersion: string; MinAPIVersion?: string }
    this.#version = chooseVersion(version.ApiVersion, version.MinAPIVersion ?? '1.24')
    return this.#version
  }

  #open(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): ClientRequest {
    signal.throwIfAborted()
    const payload = body === undefined ? null : Buffer.from(JSON.stringify(body))
    const request = httpRequest({
      socketPath: this.#address.socketPath,
      path: (this.#address.prefix ?? '') + path,
      method,
      agent: false,
      signal,
      headers: {
        host: 'docker',
        ...(payload ? { 'content-type': 'application/json' } : {}),
        'content-length': payload?.length ?? 0,
        ...headers,
        ...this.#address.headers?.(),
      },
    })
    request.end(payload ?? undefined)
    return request
  }

  async #answer(request: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request.once('response', resolve)
    // Stays attached: an error after the answer began also ends the response, whose reader reports it.
    request.on('error', error => {
      this.#version = null
      reject(signal.aborted ? signal.reason : errorOfConnection(error))
    })
    const response = await promise
    const status = response.statusCode ?? 0
    if (status < 400) return response
    throw errorOfResponse(status, response.headers['content-type'], await readAll(response, signal))
  }
}

/** The engine's own version, or the newest we know, or the oldest it still speaks, in that order of fitness. */
export function chooseVersion(newest: string, oldest: string): string {
  if (compare(newest, newestKnown) <= 0) return newest
  return compare(oldest, newestKnown) > 0 ? oldest : newestKnown
}

function compare(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number)
  const [majorB = 0, minorB = 0] = b.split('.').map(Number)
  return majorA - majorB || minorA - minorB
}

function queryText(query: Call['query']): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(key, String(value))
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}

async function readAll(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer)
  } catch (error) {
    throw signal.aborted ? signal.reason : errorOfConnection(error)
  }
  return Buffer.concat(chunks).toString('utf8')
}
