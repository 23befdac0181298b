import { join } from 'node:path'
import { defaults } from '../../core/defaults.ts'
import type { Secret } from '../../core/secret.ts'
import type { SourceLimits } from '../../edge/edges.ts'
import { checkAnswerMs, connectMs } from '../slots.ts'
import type { EdgePaths } from './files.ts'
import { identityPattern } from './identity.ts'
import { countConnections, countRequests, sourceTables } from './per-source.ts'
import { pages, type Page } from './pages.ts'
import { allBackends, type Pool, type PoolCounts } from './pools.ts'

/** Everything HAProxy's configuration depends on: the same input gives the same text (test/golden/haproxy). */
export interface ConfigInput {
  readonly paths: EdgePaths
  /** Number of this HAProxy process: names its sockets. */
  readonly process: number
  readonly pools: PoolCounts
  readonly sources: SourceLimits
  /** Admitted processes, by backend: slot number (from 1) → `address:port`. They are up from the first moment. */
  readonly admitted: ReadonlyMap<string, ReadonlyMap<number, string>>
  readonly edge: EdgeSettings
}

export interface EdgeSettings {
  readonly httpPort: number
  readonly httpsPort: number
  /** Loopback port of the registry's listener; null: this node has none. */
  readonly registryPort: number | null
  /** What engines may show at that port; none: no one is let in. They stand in the configuration, which only root reads. */
  readonly registryTokens?: readonly Secret[]
  readonly ipv6: boolean
  /** Unprivileged user and group HAProxy runs as; null: as the keeper itself. */
  readonly user: string | null
  readonly maxConnections: number
  /** Addresses and networks of load balancers in front: many visitors each, so they are not counted. */
  readonly balancers: readonly string[]
  /** How long connections may hold an old HAProxy after a reload (seconds). */
  readonly hardStopSeconds: number
}

/**
 * How long a client may leave what was sent to it unacknowledged (ms, TCP_USER_TIMEOUT). Left to itself the kernel gives a
 * cut line up to fifteen minutes, and so long a push would be carried on for no one, and a dead WebSocket would hold a drain.
 * It also ends a client that reads nothing for so long: no sooner than `timeout client` does.
 */
const lineDeadMs = 60_000

const ciphers = [
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':')

export function haproxyConfig(input: ConfigInput): string {
  return [global(input), rings(), common(input), frontends(input), ownBackends(input), ...lanes(input)].join('\n')
}

function global({ paths, process, edge }: ConfigInput): string {
  return lines(
    'global',
    `  stats socket ${paths.runtimeSocket(process)} mode 600 level admin expose-fd listeners`,
    // For the log follower, which is not let in by the one above: it could take the listeners. `operator` is the lowest level
    // that reads a ring (HAProxy 3.0 refuses `show events` to `user`); it may still change maps (docs/design/edge.md).
    `  stats socket ${paths.routerSocket(process)} mode 600 level operator`,
    // A runtime connection is kept open for as long as an old process drains.
    '  stats timeout 1d',
    `  hard-stop-after ${edge.hardStopSeconds}s`,
    // HAProxy takes as many as its open files allow, up to here: its tables are made for the most.
    `  fd-hard-limit ${2 * edge.maxConnections}`,
    ...(edge.user ? [`  user ${edge.user}`, `  group ${edge.user}`] : []),
    '  ssl-default-bind-options ssl-min-ver TLSv1.2',
    // Of TLS 1.2 what has forward secrecy and authenticated encryption: no CBC (RFC 9325, 4.2).
    `  ssl-default-bind-ciphers ${ciphers}`,
    '  tune.ssl.default-dh-param 2048',
    // Clients resume by a ticket that they keep; this table is for the few that cannot. Its default of 20,000 is 4.8 MB at rest.
    '  tune.ssl.cachesize 1000',
    '  spread-checks 5',
  )
}

/**
 * Rings cost next to nothing when no one reads; a datagram socket to a log daemon costs half the throughput (decision:
 * lanes-and-maps).
 */
function rings(): string {
  return lines(
    'ring router',
    '  format timed',
    '  maxlen 3000',
    '  size 2097152',
    '',
    'ring servers',
    '  format raw',
    '  maxlen 400',
    '  size 65536',
  )
}

function common({ paths }: ConfigInput): string {
  const page = (status: number, { file, code }: Page) =>
    `  http-error status ${status} content-type "text/plain; charset=utf-8" hdr lading-error ${code} lf-file ${join(paths.pages, file)}`
  return lines(
    'defaults',
    '  mode http',
    // Bounds a check's connection too (the lower of it and `inter`), and so how long a slot must rest.
    `  timeout connect ${connectMs}ms`,
    '  timeout client 60s',
    '  timeout server 30s',
    '  timeout http-request 30s',
    '  timeout http-keep-alive 60s',
    '  timeout queue 30s',
    `  timeout check ${checkAnswerMs}ms`,
    '  retries 3',
    '  option redispatch 1',
    '  retry-on conn-failure empty-response',
    '  option dontlognull',
    page(502, pages.badGateway),
    page(503, pages.noProcess),
    page(504, pages.timeout),
  )
}

function frontends({ paths, process, edge, sources }: ConfigInput): string {
  const engines = edge.registryTokens ?? []
  const bind = (port: number, rest: string) => [
    `  bind :${port} tcp-ut ${lineDeadMs}ms${rest}`,
    ...(edge.ipv6 ? [`  bind :::${port} v6only tcp-ut ${lineDeadMs}ms${rest}`] : []),
  ]
  const challenge = `path,field(4,/),map_str(${paths.map('challenges')})`
  return lines(
    'frontend edge',
    ...bind(edge.httpPort, ''),
    ...bind(edge.httpsPort, ` ssl crt-list ${paths.certificateList} alpn h2,http/1.1`),
    // Requests that reach an old process after its time come through here, with the client's address.
    `  bind unix@${paths.relaySocket(process)} mode 600${edge.user ? ` user ${edge.user}` : ''} accept-proxy`,
    '  log ring@router format raw local0 info',
    `  log-format "${routerLogFormat}"`,
    // Of connections that ended before they could ask: no one's lines, so the follower keeps them with the strangers'.
    `  error-log-format "${handshakeLogFormat}"`,
    ...countConnections(sources, edge.balancers),
    '  option idle-close-on-response',
    // An old process hands every new request to the newest one, whose maps are the present (docs/design/edge.md).
    '  acl draining nbsrv(lading_next) gt 0',
    '  http-request set-log-level silent if draining',
    '  http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)',
    // Before any route, on every host: what a CA asks for (RFC 8555, 8.3). Tokens that we do not know are the app's.
    `  http-request return status 200 content-type text/plain lf-string %[${challenge}] if { path_beg /.well-known/acme-challenge/ } { ${challenge} -m found }`,
    `  http-request set-var(txn.env) var(txn.host),map_str(${paths.map('hosts')})`,
    `  http-request set-var(txn.https) var(txn.host),map_str(${paths.map('https-only')})`,
    `  http-request set-var(txn.https) var(txn.host),regsub(^[^.]*,*),map_str(${paths.map('https-only')}) unless { var(txn.env) -m found }`,
    // A wildcard, `*.example.com`, is asked for only where no one has the very name.
    `  http-request set-var(txn.env) var(txn.host),regsub(^[^.]*,*),map_str(${paths.map('hosts')}) unless { var(txn.env) -m found }`,
    ...countRequests(paths, sources, edge.balancers),
    `  http-request set-var(txn.lane) var(txn.env),map_str(${paths.map('lanes')})`,
    `  acl secure dst_port ${edge.httpsPort}`,
    // What was decided with the newest maps holds: an old process passes on.
    '  http-request redirect code 308 location https://%[var(txn.host)]%[pathq] if !secure !draining { var(txn.https) -m found }',
    // Retrying what is not idempotent could do it twice.
    '  http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }',
    // Set by us, never trusted from outside.
    `  http-request del-header ${identityPattern()} -m reg`,
    // Hop by hop (RFC 9110, 7.6.1): a list of the client's would have a proxy inside an app drop what the edge says.
    '  acl upgrades req.hdr(connection) -i upgrade',
    '  http-request set-header connection upgrade if upgrades',
    '  http-request del-header connection unless upgrades',
    '  http-request set-header x-forwarded-for %[src]',
    '  http-request set-header x-forwarded-host %[req.hdr(host)]',
    '  http-request set-header x-forwarded-port %[dst_port]',
    '  http-request set-header x-forwarded-proto https if secure',
    '  http-request set-header x-forwarded-proto http if !secure',
    '  acl one_id req.fhdr_cnt(x-request-id) eq 1',
    '  acl plain_id req.fhdr(x-request-id) -m reg ^[A-Za-z0-9._=+/-]{20,128}$',
    '  http-request set-header x-request-id %[uuid] unless one_id plain_id',
    '  http-request set-var(txn.request_id) req.hdr(x-request-id)',
    '  http-request set-header x-request-start %[date(0,ms)]',
    '  http-request add-header via "1.1 lading"',
    '  http-response del-header lading-error',
    // Heroku answers 503 to a time-out; the header tells ours from an app's own 504.
    '  http-after-response set-status 503 reason "Service Unavailable" if { res.hdr(lading-error) -m str H12 }',
    // RFC 6797; an app that says so itself is left alone. 30 days: a name that must go back to HTTP can.
    '  http-after-response set-header strict-transport-security max-age=2592000 if secure { var(txn.https) -m found } !{ res.hdr(strict-transport-security) -m found }',
    '  use_backend lading_next if draining',
    '  use_backend %[var(txn.lane)] if { var(txn.lane) -m found }',
    '  default_backend lading_unknown',
    ...(edge.registryPort === null
      ? []
      : [
          '',
          'frontend registry',
          `  bind 127.0.0.1:${edge.registryPort}`,
          '  timeout client 10m',
          // Engines read images here and list nothing; only holders of the registry's own socket write.
          '  http-request deny deny_status 405 unless { method GET HEAD }',
          ...(engines.length > 0
            ? [`  acl engine http_auth_pass -m str -- ${engines.map(one => one.reveal()).join(' ')}`]
            : []),
          `  http-request return status 401 content-type application/json lf-string '${unauthorized}' hdr www-authenticate 'Basic realm="lading"' hdr docker-distribution-api-version registry/2.0${engines.length > 0 ? ' unless engine' : ''}`,
          '  http-request deny deny_status 403 unless { path -m reg ^/v2/(.+/(manifests|blobs)/[^/]+)?$ }',
          '  default_backend lading_registry',
        ]),
  )
}

/** As the registry's API words it: its clients show their token then. */
const unauthorized = '{"errors":[{"code":"UNAUTHORIZED","message":"the registry asks for the token of an engine"}]}'

function ownBackends({ paths, edge }: ConfigInput): string {
  const unknown = `content-type "text/plain; charset=utf-8" hdr lading-error ${pages.unknown.code} lf-file ${join(paths.pages, pages.unknown.file)}`
  return lines(
    'backend lading_next',
    '  timeout server 1d',
    '  timeout tunnel 1d',
    `  server next unix@${paths.nextSocket} disabled send-proxy-v2`,
    '',
    ...sourceTables(),
    'backend lading_unknown',
    `  http-request return status 404 ${unknown}`,
    ...(edge.registryPort === null
      ? []
      : ['', 'backend lading_registry', '  timeout server 10m', `  server registry unix@${paths.registrySocket}`]),
  )
}

function lanes(input: ConfigInput): readonly string[] {
  const { firstByteSeconds, idleSeconds } = defaults.settings
  const firstByte = `be_name,map_str(${input.paths.map('first-byte')},${firstByteSeconds * 1000})`
  const idle = `be_name,map_str(${input.paths.map('idle')},${idleSeconds * 1000})`
  return allBackends(input.pools).map(({ backend, pool }) =>
    lines(
      `backend ${backend}`,
      '  log ring@servers format raw local0 notice',
      ...checks(pool, input.paths),
      `  http-request set-timeout server ${firstByte}`,
      `  http-request set-timeout tunnel ${idle}`,
      `  http-response set-timeout server ${idle}`,
      // A slot goes down at the first refused connection and returns only by the keeper: `rise` is out of reach (decision: keeper-admits).
      `  default-server check inter 2s fastinter 200ms downinter 200ms rise 1000000000 fall 2 tcp-ut 2s pool-purge-delay 1s observe layer4 error-limit 1 on-error mark-down${pool.protocol === 'h2c' ? ' proto h2' : ''}`,
      ...slots(pool.slots, input.admitted.get(backend)),
    ),
  )
}

function checks(pool: Pool, paths: EdgePaths): readonly string[] {
  if (pool.check === 'tcp') return []
  return [
    '  option httpchk',
    `  http-check connect${pool.protocol === 'h2c' ? ' proto h2' : ''}`,
    `  http-check send meth GET uri-lf %[be_name,map_str(${paths.map('health')},/)] ver HTTP/1.1 hdr host lading.health hdr user-agent lading-health`,
    '  http-check expect status 200-399',
  ]
}

/** Runs of empty slots by template, admitted ones by their address: a new process serves from its first moment. */
function slots(count: number, admitted: ReadonlyMap<number, string> = new Map()): readonly string[] {
  if (admitted.size === 0) return [`  server-template s 1-${count} 127.0.0.1:1 disabled`]
  return Array.from({ length: count }, (_, at) => {
    const address = admitted.get(at + 1)
    return address === undefined ? `  server s${at + 1} 127.0.0.1:1 disabled` : `  server s${at + 1} ${address}`
  })
}

/** Fields by tab, values that clients choose last; turned into Heroku's line when someone reads (router-log.ts). */
export const routerLogFormat = [
  '%[var(txn.env)]',
  '%b/%s',
  '%ST',
  '%ts',
  '%B',
  '%Tw',
  '%Tc',
  '%Tr',
  '%Ta',
  '%ci',
  '%[ssl_fc]',
  '%[var(txn.request_id)]',
  '%HM',
  '%[var(txn.host)]',
  // Not %HU: over HTTP/2 that is the whole URL.
  '%HPO%HQ',
].join('\\t')

/** With the fields of the other; `tls` is no termination of HAProxy's (src/proxy/router-log/router-log.ts). */
const handshakeLogFormat =
  '-\\t%ft/-\\t0\\ttls\\t0\\t0\\t0\\t0\\t0\\t%ci\\t1\\t-\\t-\\t%[ssl_fc_sni]\\t%[ssl_fc_err_str]'

function lines(...all: readonly string[]): string {
  return all.map(line => `${line}\n`).join('')
}
