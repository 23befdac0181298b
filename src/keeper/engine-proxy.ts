import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError, asAppError } from '../core/errors.ts'

export const enginePrefix = '/engine'

/** The contract of the keeper: whoever lost the lease meets a conflict. */
export function statusOf(error: AppError): number {
  return error.code === 'lease-lost' ? 409 : error.status
}

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
    // Either side may go at any time; both are then closed, and there is no one left to tell.
    if (!response.destroyed) response.destroy(error instanceof Error ? error : undefined)
  })
}

/**
 * The handler of upgrades: passed on once `admit` has resolved, else refused. Node has taken its own listener off the socket by
 * then, so a client that goes before it is answered would end the keeper.
 */
export function engineUpgrades(socketPath: string, admit: (request: IncomingMessage) => Promise<void>) {
  return (request: IncomingMessage, client: Duplex, head: Buffer): void => {
    client.on('error', () => client.destroy())
    admit(request).then(
      () => {
        if (!client.destroyed) upgradeToEngine(socketPath, request, client, head)
      },
      (error: unknown) => client.end(refusal(error)),
    )
  }
}

/**
 * Attach and exec: after the engine switches protocols, bytes pass both ways. One side's end is passed on as an end, not
 * as a close, so that `echo x | lading run cat` ends by itself. No time-out: a shell may be idle for hours.
 */
function upgradeToEngine(socketPath: string, request: IncomingMessage, client: Duplex, head: Buffer): void {
  const engine = connect({ path: socketPath, allowHalfOpen: true })
  engine.once('connect', () => {
    engine.write(requestHead(request))
    if (head.length > 0) engine.write(head)
    client.pipe(engine)
    engine.pipe(client)
  })
  engine.on('error', error => {
    if (engine.connecting || engine.bytesRead === 0) client.end(refusal(engineAway(error)))
    else client.destroy()
  })
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

function refusal(thrown: unknown): string {
  const error = asAppError(thrown)
  const body = JSON.stringify({ code: error.code, title: error.code, detail: error.message, hint: error.hint })
  const headers = `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}`
  return `HTTP/1.1 ${statusOf(error)} Refused\r\n${headers}\r\nconnection: close\r\n\r\n${body}`
}
