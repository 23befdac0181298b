import { environmentId } from '../core/labels.ts'
import { parseAppName, parseHostName, production, type HostName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import { first } from '../lib/async/ticks.ts'
import type { Edges } from '../edge/edges.ts'

/** A push is silent while a build step is: no one cuts the control plane's own connections before an hour (s). */
const patientSeconds = 3600

/**
 * The control plane stands behind the edge like any app (decision: control-plane-is-an-app): the environment
 * `lading/production`.
 */
export const ownKey = { app: parseAppName('lading'), environment: production }

export function ownHost(baseDomain: HostName): HostName {
  return parseHostName(`lading.${baseDomain}`)
}

/**
 * How addresses of this platform begin. Names below `localhost` never leave the machine, and certificates of a private CA
 * for them help no one: git and curl take them only from whoever was told of that CA, and an environment that names
 * another (GIT_SSL_CAINFO) wins over all telling. RFC 6761, 6.3.
 */
export function schemeOf(baseDomain: HostName): 'http' | 'https' {
  return baseDomain === 'localhost' || baseDomain.endsWith('.localhost') ? 'http' : 'https'
}

export interface OwnLane {
  readonly release: number
  readonly baseDomain: HostName
  readonly edges: Edges
  readonly certificate: (host: HostName) => Promise<Secret>
}

/**
 * Takes the traffic of `lading.<base domain>`: lane, proof of this very process, route; then lanes of control planes
 * before this one are released. The listeners must be open. Idempotent.
 */
export async function takeTraffic(
  { release, baseDomain, edges, certificate }: OwnLane,
  signal: AbortSignal,
): Promise<void> {
  const host = ownHost(baseDomain)
  const lane = {
    processes: 1,
    protocol: 'h1',
    healthPath: '/v1/healthz',
    firstByteSeconds: patientSeconds,
    idleSeconds: patientSeconds,
  } as const
  await edges.allocate({ ...ownKey, release, ...lane }, signal)
  await edges.certify(host, await certificate(host), signal)
  await proven(edges, release, signal)
  await edges.route({ ...ownKey, hosts: [host], release }, signal)
  const { lanes } = await edges.state(signal)
  const older = lanes.filter(other => environmentId(other) === environmentId(ownKey) && other.release !== release)
  await Promise.all(older.map(other => edges.release(other, signal)))
}

async function proven(edges: Edges, release: number, signal: AbortSignal): Promise<void> {
  const watching = new AbortController()
  try {
    const views = edges.watch(ownKey, AbortSignal.any([signal, watching.signal]))
    await first(views, view =>
      view.processes.some(process => process.release === release && process.proof === 'proven'),
    )
  } finally {
    watching.abort()
  }
}
