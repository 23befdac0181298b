import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../core/errors.ts'

export const enginePrefix = '/engine'

/** Passes one call on to the engine as it is, bodies streamed both ways; the client's going ends the engine's work. */
export async function proxyToEngine(socketPath: string, request: IncomingMessage, response: ServerResponse) {
  const upstream = httpRequest({
    socketPath,
    method: request.method,
    path: enginePath(request),
    // Kept open until we are done: an engine that answers early and closes would meet our last write with EPIPE.
    headers: { ...forwarded(request), connection: 'keep-alive' },
    agent: false,
  })
  response.once('close', () => upstream.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  upstream.once('response', resolve)
  upstream.on('error', error => reject(engineAway(error)))
  request.pipe(upstream)
  const answer = await promise
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.headers)
  // Events and logs begin without a byte: the reader must see that they have begun.
  response.flushHeaders()
  await pipeline(answer, response).catch((error: unknown) => {
    // Either side may go at any time; both are then closed, and there is nobody left to tell.
    if (!response.destroyed) response.destroy(error instanceof Error ? error : undefined)
  })
}

/**
 * Attach and exec: after the engine switches protocols, bytes pass both ways. One side's end is passed on as an end, not
 * as a close, so that `echo x | lading run cat` ends by itself. No time-out: a shell may be idle for hours.
 */
export function upgradeToEngine(socketPath: string, request: IncomingMessage, client: Duplex, head: Buffer): void {
  const engine = connect({ path: socketPath, allowHalfOpen: true })
  engine.once('connect', () => {
    engine.write(requestHead(request))
    if (head.length > 0) engine.write(head)
    client.pipe(engine)
    engine.pipe(client)
  })
  engine.on('error', error => {
    if (engine.connecting || engine.bytesRead === 0) client.end(unavailableAnswer(engineAway(error)))
    else client.destroy()
  })
  client.on('error', () => engine.destroy())
  client.on('close', () => engine.destroy())
  engine.on('close', () => client.end())
}

function enginePath(request: IncomingMessage): string {
  return (request.url ?? '').slice(enginePrefix.length) || '/'
}

/** All headers but the term, which is ours. */
function forwarded(request: IncomingMessage): Record<string, string | string[] | undefined> {
  const headers = { ...request.headers }
  delete headers['lading-term']
  return headers
}

function requestHead(request: IncomingMessage): string {
  const headers = Object.entries(forwarded(request)).flatMap(([name, value]) =>
    [value].flat().map(one => `${name}: ${one}\r\n`),
  )
  return `${request.method} ${enginePath(request)} HTTP/1.1\r\n${headers.join('')}\r\n`
}

function engineAway(cause: Error): AppError {
  return new AppError('unavailable', `the engine of this node does not answer: ${cause.message}`, {
    cause,
    retryable: true,
  })
}

function unavailableAnswer(error: AppError): string {
  const body = JSON.stringify({ code: error.code, title: error.code, detail: error.message })
  const headers = `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}`
  return `HTTP/1.1 503 Service Unavailable\r\n${headers}\r\nconnection: close\r\n\r\n${body}`
}
