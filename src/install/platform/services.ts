import { createHash } from 'node:crypto'
import { label, type Labels } from '../../core/labels.ts'
import { registryName } from '../../core/names.ts'
import { defaults } from '../../core/defaults.ts'
import { privateNetworksDefault } from '../../core/limits.ts'
import { MiB } from '../../lib/format.ts'
import type { Decisions } from '../steps/decisions.ts'
import { paths } from '../paths.ts'
import { privileges, type Privileges } from './privileges.ts'
import { proxyForBuilds } from '../host/proxy.ts'
import { platformLabels } from '../swarm/swarm.ts'
import { dataKeyName } from '../swarm/trust.ts'

/** What the platform's swarm services are made from, besides the decisions. */
export interface ServiceFacts {
  readonly decisions: Decisions
  /** The engine's id in the swarm. */
  readonly nodeId: string
  readonly networkId: string
  readonly dataKeyId: string
  readonly version: string
}

/** A swarm service of the platform as the engine's API takes it, without what changes from one release to the next. */
export interface PlatformService {
  readonly name: string
  readonly type: string
  readonly image: string
  readonly env: Readonly<Record<string, string>>
  readonly may: Privileges
  readonly networks: readonly string[]
  /** Published in host mode; null: none. */
  readonly port: number | null
  readonly secrets: readonly { readonly id: string; readonly name: string }[]
  readonly constraints: readonly string[]
  readonly memory: number
}

/** The image store: it listens on its socket only. Its data lies on this node. */
export function registryService({ decisions, nodeId, networkId }: ServiceFacts): PlatformService {
  return {
    name: 'lading-registry',
    type: 'registry',
    image: imageOf(decisions, 'registry'),
    env: { OTEL_TRACES_EXPORTER: 'none' },
    may: privileges.registry,
    networks: [networkId],
    port: null,
    secrets: [],
    constraints: [`node.id==${nodeId}`],
    memory: 512 * MiB,
  }
}

/**
 * The control plane (decision: control-plane-is-an-app): one writer, where its state lies. Environment:
 * src/server/config.ts.
 */
export function controlService({ decisions, nodeId, networkId, dataKeyId, version }: ServiceFacts): PlatformService {
  return {
    name: 'lading-control',
    type: 'web',
    image: imageOf(decisions, 'control'),
    env: {
      LADING_BASE_DOMAIN: decisions.baseDomain,
      LADING_NODE: decisions.node,
      LADING_STATE_DIR: paths.control,
      LADING_RUN_DIR: paths.run,
      LADING_DATA_KEY_FILE: `/run/secrets/${dataKeyName}`,
      LADING_TOKEN_FILE: paths.token,
      LADING_REGISTRY_TOKEN_FILE: paths.registryToken,
      LADING_IMAGE_BASE: `${registryName}/lading/base@${digestOf(decisions, 'base')}`,
      LADING_IMAGE_NODE: `${registryName}/lading/node@${digestOf(decisions, 'node')}`,
      LADING_IMAGE_BUILDER: imageOf(decisions, 'builder'),
      LADING_VERSION: version,
      LADING_BUILD: decisions.images['control']?.key ?? '',
      LADING_PRIVATE_NETWORKS: decisions.privateNetworks ?? privateNetworksDefault,
      ...proxied(decisions),
      PORT: '8080',
    },
    may: privileges.control,
    networks: [networkId],
    port: 8080,
    secrets: [{ id: dataKeyId, name: dataKeyName }],
    constraints: ['node.role==manager', `node.id==${nodeId}`],
    memory: 768 * MiB,
  }
}

/** Node takes the variables for its own requests only when told to; sockets never go through a proxy. */
function proxied(decisions: Decisions): Record<string, string> {
  const variables = proxyForBuilds(decisions)
  return Object.keys(variables).length === 0 ? {} : { ...variables, NODE_USE_ENV_PROXY: '1' }
}

/** Changes whenever the service must be updated; carried by it as a label. */
export function specKey(service: PlatformService): string {
  return createHash('sha256').update(JSON.stringify(service)).digest('hex').slice(0, 16)
}

export const specLabel = 'lading.spec'

/**
 * The whole specification of one release of a platform service, labelled like an app's (law:
 * readable-from-the-cluster).
 */
export function serviceJson(service: PlatformService, release: number) {
  const labels: Labels = {
    ...platformLabels,
    [label.environment]: 'production',
    [label.type]: service.type,
    [label.release]: String(release),
  }
  const env = { ...service.env, LADING_RELEASE: String(release) }
  return {
    Name: service.name,
    Labels: { ...labels, [specLabel]: specKey(service) } as Labels,
    TaskTemplate: {
      ContainerSpec: {
        Image: service.image,
        Labels: labels,
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        CapabilityDrop: service.may.capDrop,
        Mounts: service.may.mounts.map(mount => ({
          Type: 'bind',
          Source: mount.source,
          Target: mount.target,
          ReadOnly: mount.readOnly,
        })),
        Secrets: service.secrets.map(secret => ({
          SecretID: secret.id,
          SecretName: secret.name,
          File: { Name: secret.name, UID: '0', GID: '0', Mode: 0o400 },
        })),
        Init: true,
        StopGracePeriod: 30e9,
      },
      Networks: service.networks.map(Target => ({ Target })),
      Placement: { Constraints: service.constraints },
      Resources: { Limits: { MemoryBytes: service.memory, Pids: defaults.pids } },
      RestartPolicy: { Condition: 'any', Delay: 1e9 },
      LogDriver: {
        Name: 'json-file',
        Options: { 'max-size': String(defaults.logBytes), 'max-file': String(defaults.logFiles) },
      },
    },
    Mode: { Replicated: { Replicas: 1 } },
    // Two of them must not share a socket and a database: the old one ends first.
    UpdateConfig: { Parallelism: 1, Order: 'stop-first', FailureAction: 'pause' },
    EndpointSpec: {
      Mode: 'dnsrr',
      Ports: service.port === null ? [] : [{ Protocol: 'tcp', TargetPort: service.port, PublishMode: 'host' }],
    },
  }
}

function imageOf(decisions: Decisions, name: string): string {
  return decisions.images[name]?.id ?? ''
}

function digestOf(decisions: Decisions, name: string): string {
  return decisions.images[name]?.digest ?? ''
}
