import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import type { ContainerPolicy, OneOffSpec, ServiceSpec, ServiceVolume } from './engine.ts'

/**
 * Our specs in the engine's JSON, and the comparison of what was asked with what the engine kept (law:
 * one-container-policy). Pure. Source: Docker Engine API, `POST /services/create` and `POST /containers/create`.
 */
const nanoseconds = 1_000_000_000
const logDriver = { 'max-size': String(defaults.logBytes), 'max-file': String(defaults.logFiles) }

/** In a service; one-offs have known it for ever. Measured: 26.1 (API 1.45) keeps and applies it, 20.10 (1.41) knows no such field. */
export const noNewPrivilegesSince = '1.45'

/** `canForbid`: the engine knows how to forbid a service's processes new privileges (docs/decisions/container-rights.md). */
export function serviceJson(spec: ServiceSpec, canForbid: boolean) {
  const { policy } = spec
  return {
    Name: spec.name,
    Labels: spec.labels,
    TaskTemplate: {
      ContainerSpec: {
        Image: spec.image,
        // Labels on the container too: the keeper reads them from its own engine (decision: one-keeper-per-node).
        Labels: spec.labels,
        // `Args` alone would keep the image's entry point in front of the command.
        ...(spec.command === null ? {} : { Command: spec.command }),
        Env: envList(spec.env).map(withoutTemplates),
        Init: true,
        // An image's HEALTHCHECK would let Swarm kill a process that serves; whether it may serve is the edge's question.
        Healthcheck: { Test: ['NONE'] },
        StopGracePeriod: spec.stopSeconds * nanoseconds,
        Mounts: [...mounts(policy), ...volumeMounts(spec.volume)],
        Ulimits: ulimits(policy),
        CapabilityDrop: capabilities(policy),
        ...(canForbid ? { Privileges: { NoNewPrivileges: true } } : {}),
      },
      RestartPolicy: { Condition: 'any', Delay: 1 * nanoseconds, MaxAttempts: 0 },
      Resources: {
        Limits: { MemoryBytes: policy.memory, NanoCPUs: nanoCpus(policy), Pids: policy.pids },
        ...(policy.reservedMemory ? { Reservations: { MemoryBytes: policy.reservedMemory } } : {}),
      },
      LogDriver: { Name: 'json-file', Options: logDriver },
      Networks: [spec.network, ...(spec.moreNetworks ?? [])].map(Target => ({ Target })),
      ...(spec.volume === undefined ? {} : { Placement: { Constraints: [`node.hostname==${spec.volume.node}`] } }),
    },
    Mode: { Replicated: { Replicas: spec.replicas } },
    EndpointSpec: {
      Mode: 'dnsrr',
      ...(spec.port === null ? {} : { Ports: [{ Protocol: 'tcp', TargetPort: spec.port, PublishMode: 'host' }] }),
    },
  }
}

/** `user`: null, as the image says. */
export function oneOffJson(spec: OneOffSpec, user: string | null = null) {
  const { policy } = spec
  return {
    ...(user === null ? {} : { User: user }),
    Image: spec.image,
    Labels: spec.labels,
    Entrypoint: spec.command,
    Cmd: [],
    Env: envList(spec.env),
    HostConfig: {
      NetworkMode: spec.network,
      Init: true,
      Memory: policy.memory,
      NanoCpus: nanoCpus(policy),
      PidsLimit: policy.pids,
      Mounts: mounts(policy),
      Ulimits: ulimits(policy),
      CapDrop: capabilities(policy),
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: logDriver },
      RestartPolicy: { Name: 'no' },
    },
  }
}

const nobody = '65534:65534'

/** Who runs a container that may not be root, in an image whose own user is `user`. */
export function notRoot(user: string): string {
  const [name = '', group = ''] = user.split(':')
  // `00` is a number of root's too.
  const isRoot = (text: string) => text === 'root' || /^0+$/.test(text)
  return name === '' || isRoot(name) || isRoot(group) ? nobody : user
}

/** Rejects when the engine kept another policy than `sent`: an older one drops fields silently. */
export function assertServiceKept(sent: ReturnType<typeof serviceJson>, kept: unknown): void {
  const { TaskTemplate: task } = sent
  assertKept(sent.Name, kept, {
    TaskTemplate: {
      ContainerSpec: pick(task.ContainerSpec, [
        'Init',
        'Healthcheck',
        'StopGracePeriod',
        'Mounts',
        'Ulimits',
        'CapabilityDrop',
        'Privileges',
      ]),
      Resources: task.Resources,
      LogDriver: task.LogDriver,
    },
    EndpointSpec: sent.EndpointSpec,
  })
}

export function assertOneOffKept(name: string, sent: ReturnType<typeof oneOffJson>, kept: unknown): void {
  const wanted = pick(sent.HostConfig, [
    'Init',
    'Memory',
    'NanoCpus',
    'PidsLimit',
    'Mounts',
    'Ulimits',
    'CapDrop',
    'SecurityOpt',
    'LogConfig',
  ])
  const { User } = sent
  assertKept(name, kept, { HostConfig: wanted, ...(User === undefined ? {} : { Config: { User } }) })
}

function assertKept(name: string, kept: unknown, wanted: object): void {
  const dropped = differences(wanted, kept, '')
  if (dropped.length === 0) return
  throw new AppError('internal', `the engine did not keep the container policy of ${name}: ${dropped.join(', ')}`, {
    hint: 'Upgrade the Docker Engine of this node (20.10 or newer).',
  })
}

/** Paths of `wanted` whose value is not in `kept`. What the engine adds by itself is no difference. */
export function differences(wanted: unknown, kept: unknown, path: string): string[] {
  if (wanted === undefined) return []
  if (typeof wanted !== 'object' || wanted === null) return wanted === kept ? [] : [path]
  if (Array.isArray(wanted) && wanted.length !== (Array.isArray(kept) ? kept.length : 0)) return [path]
  return Object.entries(wanted).flatMap(([key, value]) => {
    const inner = typeof kept === 'object' && kept !== null ? (kept as Record<string, unknown>)[key] : undefined
    return differences(value, inner, path === '' ? key : `${path}.${key}`)
  })
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map(key => [key, from[key]])) as Pick<T, K>
}

function envList(env: ServiceSpec['env']): string[] {
  return Object.entries(env).map(([key, value]) => `${key}=${value instanceof Secret ? value.reveal() : value}`)
}

/**
 * Swarm expands Go templates in a service's environment (`{{.Node.Hostname}}`); a config value is data and must reach the
 * process as it is. Source: Docker docs, "docker service create", templates.
 */
function withoutTemplates(entry: string): string {
  return entry.replaceAll('{{', '{{"{{"}}')
}

function nanoCpus(policy: ContainerPolicy): number {
  return Math.round(policy.cpus * nanoseconds)
}

function mounts(policy: ContainerPolicy) {
  return [{ Type: 'tmpfs', Target: '/tmp', TmpfsOptions: { SizeBytes: policy.tmpBytes, Mode: 0o1777 } }]
}

function volumeMounts(volume: ServiceVolume | undefined) {
  if (volume === undefined) return []
  const { name, target, labels } = volume
  return [{ Type: 'volume', Source: name, Target: target, VolumeOptions: { Labels: labels } }]
}

function ulimits(policy: ContainerPolicy) {
  return [{ Name: 'nofile', Soft: policy.openFiles, Hard: policy.openFiles }]
}

/** The engine adds the prefix in what it keeps; sent with it, both sides are alike. */
function capabilities(policy: ContainerPolicy): string[] {
  return policy.dropCapabilities.map(name => (name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`))
}
