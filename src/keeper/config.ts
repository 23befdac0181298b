import { hostname } from 'node:os'
import { AppError } from '../core/errors.ts'
import { parseNodeName, type NodeName } from '../core/names.ts'
import type { EdgeSettings } from '../proxy/haproxy/config.ts'
import { parseSource } from '../proxy/haproxy/per-source.ts'

export interface KeeperConfig {
  /** Sockets of the platform on this node; empty after a boot. */
  readonly runDir: string
  /** What this edge was told; survives. */
  readonly stateDir: string
  readonly engineSocket: string
  readonly node: NodeName
  /** Processes' ports are bound to it. */
  readonly clusterAddress: string
  /** A keeper with a higher one takes over from this one (docs/design/edge.md, "Hand-over"). */
  readonly generation: number
  readonly version: string
  /** Content key of this keeper's image. */
  readonly build: string
  readonly haproxy: string
  readonly edge: Omit<EdgeSettings, 'registryTokens'>
  /** What engines may show at the registry's listener; it is followed. Null: no one is let in there. */
  readonly registryTokenFile: string | null
}

type Environment = Readonly<Record<string, string | undefined>>

/** The keeper's environment variables; rejects `invalid-input` with the variable's name. */
export function readConfig(env: Environment = process.env): KeeperConfig {
  return {
    runDir: env.LADING_RUN_DIR ?? '/run/lading',
    stateDir: env.LADING_STATE_DIR ?? '/var/lib/lading/keeper',
    engineSocket: env.LADING_ENGINE_SOCKET ?? '/run/docker.sock',
    node: parseNodeName((env.LADING_NODE ?? hostname()).toLowerCase()),
    clusterAddress: address(env, 'LADING_CLUSTER_ADDRESS'),
    generation: whole(env, 'LADING_GENERATION', 1),
    version: env.LADING_VERSION ?? '0.0.0',
    build: env.LADING_BUILD ?? 'unknown',
    haproxy: env.LADING_HAPROXY ?? '/usr/sbin/haproxy',
    edge: {
      httpPort: whole(env, 'LADING_HTTP_PORT', 80),
      httpsPort: whole(env, 'LADING_HTTPS_PORT', 443),
      registryPort: env.LADING_REGISTRY_PORT === 'none' ? null : whole(env, 'LADING_REGISTRY_PORT', 5443),
      ipv6: env.LADING_IPV6 === '1',
      user: env.LADING_EDGE_USER === 'none' ? null : (env.LADING_EDGE_USER ?? 'haproxy'),
      maxConnections: whole(env, 'LADING_MAX_CONNECTIONS', 20_000),
      balancers: balancers(env.LADING_BALANCERS),
      hardStopSeconds: whole(env, 'LADING_HARD_STOP_SECONDS', 3600),
    },
    registryTokenFile: env.LADING_REGISTRY_TOKEN_FILE ?? null,
  }
}

function whole(env: Environment, name: string, standard: number): number {
  const text = env[name]
  if (text === undefined || text === '') return standard
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new AppError('invalid-input', `${name} is ${JSON.stringify(text)}, not a whole number`)
}

function address(env: Environment, name: string): string {
  const text = env[name] ?? ''
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return text
  throw new AppError('invalid-input', `${name} must be this node's cluster address, such as 10.77.0.1`)
}

/** Separated by commas: they are written into HAProxy's configuration. */
function balancers(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .filter(one => one !== '')
    .map(parseSource)
}
