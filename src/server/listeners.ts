import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { listenPrivately } from '../lib/files.ts'
import type { GitListener } from '../commit/http/listener.ts'
import type { ApiEnv } from '../api/parts.ts'

/**
 * Shut while a new control plane proves itself: callers wait until it has, but for the question whether it is
 * healthy. One that does not prove itself has answered no one.
 */
export class Gate {
  readonly #opened = Promise.withResolvers<void>()
  #isOpen = false

  open(): void {
    this.#isOpen = true
    this.#opened.resolve()
  }

  keeps(listener: RequestListener): RequestListener {
    return (request, response) => {
      if (this.#isOpen || request.url === '/v1/healthz') return listener(request, response)
      void this.#opened.promise.then(() => response.destroyed || listener(request, response))
    }
  }
}

/**
 * Root's socket: the API on a Unix socket that only root may open. It works when edge and certificates do not.
 * Only the holder of the lease opens it, so no two do at a time.
 */
export async function openSocketListener(api: Hono<ApiEnv>, path: string, gate: Gate): Promise<Server> {
  const answer = getRequestListener(api.fetch)
  const server = serverOf(gate.keeps((request, response) => void answer(request, response)))
  await listenPrivately(server, path)
  return server
}

export interface NetworkListener {
  readonly api: Hono<ApiEnv>
  readonly git: Pick<GitListener, 'handle'>
  readonly port: number
  /** How it is called from outside; what came another way is refused. */
  readonly url: string
  readonly gate: Gate
}

/** The listener behind the edge: git and the API. */
export async function openNetworkListener({ api, git, port, url, gate }: NetworkListener): Promise<Server> {
  const answer = getRequestListener(api.fetch)
  const take: RequestListener = (request, response) => {
    hangUpOnRefused(request, response)
    const way = wayOf(request)
    // The edge's own checks say nothing.
    if (way === null && request.url !== '/v1/healthz') refuse(response, `This is reached through the edge: ${url}`)
    else if (url.startsWith('https:') && way === 'http') refuse(response, clear(url))
    else if (!git.handle(request, response)) void answer(request, response)
  }
  const server = serverOf(gate.keeps(take))
  server.listen(port, '0.0.0.0')
  await once(server, 'listening')
  return server
}

/** As the edge says that it was asked; null: it says nothing, or more than one thing, so this did not come through it. */
function wayOf({ headers }: IncomingMessage): 'http' | 'https' | null {
  const way = headers['x-forwarded-proto']
  const isThroughEdge = headers.via?.split(',').at(-1)?.trim() === '1.1 lading'
  return isThroughEdge && (way === 'http' || way === 'https') ? way : null
}

/** A token that came in clear is known to everybody on the way: no one shall get used to it. */
function clear(url: string): string {
  return `This came over plain HTTP, and a token must not travel in clear. Use ${url}`
}

function refuse(response: ServerResponse, sentence: string): void {
  response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
  response.end(`${sentence}\n`)
}

/** No one reads the body of who was not let in, however slowly it comes: there is no limit on a whole request here. */
function hangUpOnRefused(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    const isRefused = [401, 403, 429].includes(response.statusCode)
    if (isRefused && !request.complete) request.socket.destroySoon()
  })
}

/** A large push on a slow line takes what it takes: no limit on a whole request, only on its headers. */
function serverOf(listener: RequestListener): Server {
  return createServer({ requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 75_000 }, listener)
}

/** Stops taking connections; those that are idle are closed, others may end. */
export function closeListener(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  return promise
}
