import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { label } from '../../core/labels.ts'
import type { Limits } from '../../core/limits.ts'
import { MiB } from '../../lib/format.ts'

export interface CageOptions {
  /** The builder's image, by id. */
  readonly image: string
  /** Path of the gate's socket on the node. The builder gets the folder it lies in, and no other socket of the platform. */
  readonly gateSocket: string
  /** `http_proxy` and its kin, for its engine's pulls and for builds. */
  readonly proxy?: Readonly<Record<string, string>>
  /** Name servers of builds; without them the engine's own choice. */
  readonly dns?: readonly string[]
}

export const builderName = 'lading-builder'

/** What the builder's own engine keeps for itself: a hungry build is killed in its cgroup and never the engine. */
const engineMemory = 256 * MiB
const enginePids = 512

/** The limits of one build. Two at once share the memory, neither can take the other's processes. */
export function buildLimits({ buildMemory, buildPids, buildsAtOnce }: Limits) {
  return { memory: buildMemory - engineMemory, pids: Math.floor((buildPids - enginePids) / buildsAtOnce) }
}

/** What the builder may do on the node, its mounts apart: a line of the table in src/install/platform/privileges.ts. */
export const builderPrivileges = {
  network: 'bridge',
  pid: '',
  capAdd: ['SYS_ADMIN', 'NET_ADMIN', 'SYSLOG'],
  capDrop: [],
  // An engine mounts, unshares and writes to /proc/sys.
  securityOpt: ['seccomp=unconfined', 'apparmor=unconfined', 'label=disable'],
  readOnlyRoot: false,
} as const

/**
 * The builder's container (decision: caged-builder): an engine of its own, so that the cage is the container's, on
 * every engine and both cgroup versions. Not `Privileged`: that asks for every capability there is, which an engine
 * that lacks one (a rented machine without CAP_SYS_RESOURCE, say) cannot give, and for the machine's devices. It gets
 * what an engine cannot do without (SYSLOG: the record of memory kills), and mounts it may write; still, whoever breaks
 * out of a build has much. Builds inside have neither.
 */
export function builderSpec(options: CageOptions, limits: Limits): Readonly<Record<string, unknown>> {
  const { memory, pids } = buildLimits(limits)
  const spec = {
    Image: options.image,
    Hostname: builderName,
    Env: [
      `LADING_MEMORY=${memory}`,
      `LADING_PIDS=${limits.buildPids - enginePids}`,
      `LADING_PIDS_PER_BUILD=${pids}`,
      ...Object.entries(options.proxy ?? {}).map(([name, value]) => `${name}=${value}`),
    ],
    HostConfig: {
      CapAdd: builderPrivileges.capAdd,
      SecurityOpt: builderPrivileges.securityOpt,
      MaskedPaths: [],
      ReadonlyPaths: [],
      // The builder's engine makes device nodes for its containers and gives them the usual few.
      DeviceCgroupRules: ['c *:* rwm', 'b *:* m'],
      Init: true,
      Memory: limits.buildMemory,
      MemorySwap: limits.buildMemory,
      NanoCpus: limits.buildCpus * 1e9,
      PidsLimit: limits.buildPids,
      RestartPolicy: { Name: 'no' },
      Tmpfs: { '/run': 'rw,nosuid,nodev,mode=755,size=64m' },
      Mounts: [
        { Type: 'volume', Source: builderName, Target: '/var/lib/docker' },
        { Type: 'bind', Source: dirname(options.gateSocket), Target: '/run/lading' },
      ],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '1' } },
      ...(options.dns ? { Dns: options.dns } : {}),
    },
  }
  return { ...spec, Labels: { [label.role]: 'build', [specLabel]: hashOf(spec) } }
}

/** A builder made from another spec or image is replaced; its volume, the cache, stays. */
export const specLabel = 'lading.spec'

function hashOf(spec: unknown): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16)
}
