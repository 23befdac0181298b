import dns from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import tls from 'node:tls'
import { AppError } from '../../core/errors.ts'
import type { Secret } from '../../core/secret.ts'

/** Where the control plane is and how it is asked. */
export type Place =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string; readonly token: Secret | null; readonly ca: string | null }

export interface Call {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The control plane answers within milliseconds, a stream's head too; one that was stopped takes questions all the same (ms). */
const answerMs = 60_000

/** Sends it and resolves with the answer's head; rejects `unavailable` when nothing answers, or not within `patience` ms. */
export function send(place: Place, call: Call, signal: AbortSignal, patience = answerMs): Promise<IncomingMessage> {
  const body = call.body === undefined ? null : JSON.stringify(call.body)
  const headers: Record<string, string> = { accept: 'application/json', ...call.headers }
  // Without a body too: the API takes no change that a page in a browser could have sent.
  if (call.method !== 'GET') headers['content-type'] = 'application/json'
  if (body !== null) headers['content-length'] = byteLength(body)
  return new Promise((resolve, reject) => {
    const request = open(place, { method: call.method, headers, signal }, call.path)
    request.setTimeout(patience, () => request.destroy(silent(place, patience)))
    request.on('response', answer => {
      request.setTimeout(0)
      resolve(answer)
    })
    request.on('error', error => {
      if (signal.aborted) reject(signal.reason as Error)
      else reject(error instanceof AppError ? error : unreachable(place, error))
    })
    request.end(body ?? undefined)
  })
}

function open(
  place: Place,
  options: { method: string; headers: Record<string, string>; signal: AbortSignal },
  path: string,
) {
  if (place.kind === 'socket') return httpRequest({ ...options, socketPath: place.path, path, host: 'lading' })
  const { url, token, ca } = place
  if (token) options.headers['authorization'] = `Bearer ${token.reveal()}`
  const address = new URL(path, url)
  const way = { ...options, lookup: lookupLocalhost }
  if (address.protocol === 'http:') return httpRequest(address, way)
  return httpsRequest(address, { ...way, ...(ca !== null && { ca: [...trusted(), ca] }) })
}

/** RFC 6761: names below `localhost` are this machine. curl, git and browsers know; many resolvers do not. */
const lookupLocalhost: LookupFunction = (name, options, callback) =>
  dns.lookup(name.endsWith('.localhost') ? 'localhost' : name, options, callback)

/** What Node trusts without us, NODE_EXTRA_CA_CERTS included; before Node 22.15 it does not say, so its own list. */
function trusted(): readonly string[] {
  const { getCACertificates } = tls as Partial<typeof tls>
  return getCACertificates?.('default') ?? tls.rootCertificates
}

function byteLength(text: string): string {
  return String(Buffer.byteLength(text))
}

function nameOf(place: Place): string {
  return place.kind === 'socket' ? place.path : place.url
}

function silent(place: Place, patience: number): AppError {
  return new AppError(
    'unavailable',
    `${nameOf(place)} takes the question and gives no answer within ${patience / 1000} s`,
    {
      hint: 'On the server: "docker service logs lading-control" shows why, "docker service update --force lading-control" restarts it.',
      retryable: true,
    },
  )
}

function unreachable(place: Place, cause: NodeJS.ErrnoException): AppError {
  const where = nameOf(place)
  const code = cause.code ?? ''
  if (code === 'EACCES' || code === 'EPERM') {
    return new AppError('not-allowed', `only root may use ${where}`, {
      hint: 'Run it with sudo, or set LADING_URL and LADING_TOKEN.',
      cause,
    })
  }
  if (/CERT|VERIFY|ISSUER|ALTNAME/.test(code)) {
    return new AppError('unavailable', `the certificate of ${where} is not trusted (${code})`, {
      hint: `The platform's CA is its own: "scp root@${new URL(where).hostname}:/etc/lading/ca.pem ." fetches it. Then "lading login ${where} --ca ca.pem", or LADING_CA=ca.pem.`,
      cause,
    })
  }
  const hint =
    code === 'ENOTFOUND' || code === 'EAI_AGAIN'
      ? 'Is the name right, and does it resolve here?'
      : place.kind === 'socket'
        ? 'Apps go on without it. "docker service ps lading-control --no-trunc" tells what became of it, "lading up" fixes it.'
        : 'Is the server up, and is this its address? On the server, "docker service ps lading-control --no-trunc" tells more.'
  return new AppError('unavailable', `no answer from ${where} (${code || cause.message})`, {
    hint,
    retryable: true,
    cause,
  })
}
