import { isIP } from 'node:net'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { SourceLimits } from '../../edge/edges.ts'
import type { EdgePaths } from './files.ts'
import { pages } from './pages.ts'

/** What one source address may have of an edge (docs/design/edge.md, "One source address"), as HAProxy's configuration. */

/** Who has an IPv6 address has 2^64 of them: the network counts. */
const source = 'src,ipmask(32,64)'
const connections = 'lading_connections'
const requests = 'lading_requests'
/** Requests are counted over so long (s), and so long who was refused is asked to wait. */
const windowSeconds = 10

/**
 * Each in a table of its own: a request would count in both. Some 10 MB each when they are full, next to nothing at rest.
 * The oldest entry makes room, and who finds none is not counted: never refused.
 */
export function sourceTables(): readonly string[] {
  return [
    `backend ${connections}`,
    '  stick-table type ipv6 size 65536 expire 60s store conn_cur',
    '',
    `backend ${requests}`,
    `  stick-table type ipv6 size 65536 expire 60s store http_req_rate(${windowSeconds}s)`,
    '',
  ]
}

/**
 * A connection past the limit is taken, for its request is answered with a reason; past twice the limit it is closed, before
 * it costs a TLS handshake. The relay's connections have no address here.
 */
export function countConnections(limits: SourceLimits, balancers: readonly string[]): readonly string[] {
  const most = limits.connections
  return [
    ...(balancers.length > 0 ? [`  acl balancer src ${balancers.join(' ')}`] : []),
    `  tcp-request connection track-sc0 ${source} table ${connections}${balancers.length > 0 ? ' unless balancer' : ''}`,
    `  acl crowd sc0_conn_cur(${connections}) gt ${most}`,
    `  tcp-request connection reject if { sc0_conn_cur(${connections}) gt ${2 * most} }`,
    '  tcp-request connection set-var(sess.crowded) bool(true) if crowd',
  ]
}

/** After the relay, so by the client's address, in the newest HAProxy only: an old one passes on. */
export function countRequests(paths: EdgePaths, limits: SourceLimits, balancers: readonly string[]): readonly string[] {
  const { file, code } = pages.tooMany
  const page = `deny_status 429 content-type "text/plain; charset=utf-8" hdr retry-after ${windowSeconds} hdr lading-error ${code} lf-file ${join(paths.pages, file)}`
  return [
    `  http-request track-sc1 ${source} table ${requests} unless draining${balancers.length > 0 ? ' or balancer' : ''}`,
    `  acl hurry sc1_http_req_rate(${requests}) gt ${limits.requestsPerSecond * windowSeconds}`,
    // Only connections that came when there were too many, and while there are.
    `  http-request deny ${page} if !draining { var(sess.crowded) -m bool } crowd`,
    `  http-request deny ${page} if !draining hurry`,
    // It makes room; over HTTP/2 its client ends it, or the time-out.
    `  http-after-response set-header connection close if { var(sess.crowded) -m bool } { res.hdr(lading-error) -m str ${code} }`,
  ]
}

export interface Refused {
  /** Answered 429 since this HAProxy began. */
  readonly requests: number
  /** Closed before they said anything. */
  readonly connections: number
}

/** Asks for the listeners' counters: nothing but limits per source refuses there. */
export const refusedCommand = 'show stat edge 1 -1'

/** Of the answer, CSV with a line of names; null when it is none. */
export function refusedIn(csv: string): Refused | null {
  const [names = [], values = []] = csv.split('\n').map(line => line.replace('# ', '').split(','))
  const count = (name: string) => Number(values[names.indexOf(name)] || NaN)
  const refused = { requests: count('dreq'), connections: count('dcon') }
  return Number.isNaN(refused.requests + refused.connections) ? null : refused
}

/** An address or a network, such as 192.0.2.7 or 2001:db8::/48. Rejects `invalid-input`. */
export function parseSource(text: string): string {
  const [address = '', bits, ...more] = text.split('/')
  const version = isIP(address)
  const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  if (version !== 0 && !address.includes('%') && isPrefix && more.length === 0) return text
  throw new AppError('invalid-input', `${JSON.stringify(text)} is neither an address nor a network`, {
    hint: 'Such as 192.0.2.7 or 2001:db8::/48; several with commas between them.',
  })
}
