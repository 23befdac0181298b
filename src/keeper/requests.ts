import type { IncomingMessage } from 'node:http'
import { AppError } from '../core/errors.ts'
import {
  parseAppName,
  parseEnvironmentName,
  parseDomainName,
  type DomainName,
  type EnvironmentKey,
} from '../core/names.ts'
import type { LaneSpec, ReleaseKey, Route, SourceLimits } from '../edge/edges.ts'

/** Bodies and paths from outside become types here: what reaches HAProxy's runtime socket has passed an allow-list. */
const bodyLimit = 1024 * 1024

export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyLimit) throw new AppError('invalid-input', `the body is larger than ${bodyLimit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export async function readJson(request: IncomingMessage): Promise<Fields> {
  const text = await readText(request)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AppError('invalid-input', 'the body is not JSON', { cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new AppError('invalid-input', 'the body is not a JSON object')
}

export type Fields = Readonly<Record<string, unknown>>

export function parseEnvironment(app: unknown, environment: unknown): EnvironmentKey {
  return { app: parseAppName(text(app, 'app')), environment: parseEnvironmentName(text(environment, 'environment')) }
}

export function parseRelease(app: unknown, environment: unknown, release: unknown): ReleaseKey {
  return { ...parseEnvironment(app, environment), release: whole(Number(release), 'release', 1, 1e9) }
}

export function parseLane(fields: Fields): LaneSpec {
  const { protocol } = fields
  if (protocol !== 'h1' && protocol !== 'h2c') throw new AppError('invalid-input', 'protocol must be "h1" or "h2c"')
  return {
    ...parseRelease(fields.app, fields.environment, fields.release),
    processes: whole(fields.processes, 'processes', 0, 1000),
    protocol,
    healthPath: healthPath(fields.healthPath),
    firstByteSeconds: whole(fields.firstByteSeconds, 'firstByteSeconds', 1, 86_400),
    idleSeconds: whole(fields.idleSeconds, 'idleSeconds', 1, 86_400),
  }
}

export function parseRoute(fields: Fields): Route {
  const { hosts } = fields
  if (!Array.isArray(hosts)) throw new AppError('invalid-input', 'hosts must be an array')
  const names = new Set(hosts.map((host): DomainName => parseDomainName(text(host, 'hosts'))))
  return { ...parseRelease(fields.app, fields.environment, fields.release), hosts: [...names] }
}

/** The bounds are the operator's (src/core/limits.ts): here only what HAProxy takes. */
export function parseSourceLimits({ connections, requestsPerSecond }: Fields): SourceLimits {
  return {
    connections: whole(connections, 'connections', 1, 1e6),
    requestsPerSecond: whole(requestsPerSecond, 'requestsPerSecond', 1, 1e6),
  }
}

/** RFC 8555, 8.1 and 8.3: base64url, and in the answer the point before the account key's thumbprint. */
export function parseChallenge(value: unknown): string {
  const token = text(value, 'token')
  if (/^[A-Za-z0-9_-]{1,200}(\.[A-Za-z0-9_-]{1,200})?$/.test(token)) return token
  throw new AppError('invalid-input', `${JSON.stringify(token)} is neither a token of ACME nor an answer to one`)
}

/** RFC 3986 path and query, without `;`, which separates HAProxy's runtime commands. */
function healthPath(value: unknown): string | null {
  if (value === null) return null
  const path = text(value, 'healthPath')
  if (/^\/[A-Za-z0-9._~!$&'()*+,=:@/?%-]{0,500}$/.test(path)) return path
  throw new AppError('invalid-input', `${JSON.stringify(path)} is not a health check path`, {
    hint: 'Use a path such as /health.',
  })
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw new AppError('invalid-input', `${name} must be text`)
}

function whole(value: unknown, name: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw new AppError('invalid-input', `${name} must be a whole number from ${least} to ${most}`)
}
