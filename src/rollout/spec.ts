import { createHash } from 'node:crypto'
import { attachedIn } from '../core/attached.ts'
import { environmentLabels, label, type Labels } from '../core/labels.ts'
import type { EnvironmentKey, ProcessType } from '../core/names.ts'
import { defaultLimits, type Limits } from '../core/limits.ts'
import { count, type Process, type Release, type Settings } from '../core/release.ts'
import type { Secret } from '../core/secret.ts'
import type { ContainerPolicy, OneOffSpec, ServiceSpec } from '../docker/engine.ts'
import type { LaneSpec } from '../edge/edges.ts'

type Env = Readonly<Record<string, Secret>>

const containerPort = 8080

/** The port that a `web` process is told to listen on, inside its own network namespace. */
export function portOf({ image }: Release): number {
  return image.settings.port ?? containerPort
}

/**
 * One swarm service per process type that has processes (decision: service-per-release). Pure: the same release gives
 * the same specs.
 */
export function serviceSpecs(release: Release, config: Env, limits: Limits = defaultLimits): readonly ServiceSpec[] {
  return release.image.processes
    .filter(process => count(release, process.type) > 0)
    .map(process => serviceSpec(release, process, config, limits))
}

/** The swarm service of a process type, also of one that has no process now. */
export function serviceSpec(
  release: Release,
  process: Process,
  config: Env,
  limits: Limits = defaultLimits,
): ServiceSpec {
  const { settings } = release.image
  return {
    name: objectName(release, `v${release.number}-${process.type}`),
    labels: processLabels(release, process.type),
    image: release.image.reference,
    command: shell(process.command),
    env: environmentVariables(release, process.type, config),
    replicas: count(release, process.type),
    ...networks(release, config),
    port: process.type === 'web' ? portOf(release) : null,
    stopSeconds: settings.stopSeconds,
    policy: containerPolicy(settings, limits),
  }
}

/** The lane of the release's `web` processes; null when it has no such type. Scaled to zero, the edge answers by name. */
export function laneSpec(release: Release): LaneSpec | null {
  if (!release.image.processes.some(process => process.type === 'web')) return null
  const { app, environment, number } = release
  const { protocol, healthPath, firstByteSeconds, idleSeconds } = release.image.settings
  return {
    app,
    environment,
    release: number,
    processes: count(release, 'web'),
    protocol,
    healthPath,
    firstByteSeconds,
    idleSeconds,
  }
}

/** The container of the release phase, named by the run, so that it is never started twice. */
export function releasePhaseSpec(
  release: Release,
  command: string,
  config: Env,
  limits: Limits = defaultLimits,
): OneOffSpec {
  return {
    name: releasePhaseName(release.run),
    labels: { ...processLabels(release, 'release'), [label.role]: 'release-phase', [label.run]: release.run },
    image: release.image.reference,
    command: shell(command) ?? [],
    env: environmentVariables(release, 'release', config),
    ...networks(release, config),
    policy: containerPolicy(release.image.settings, limits),
  }
}

export function releasePhaseName(run: string): string {
  return `l-release-phase-${run}`
}

/** The overlay network of the app's space. */
export function spaceNetwork(key: EnvironmentKey): string {
  return `l-${key.app}`
}

/** Its own, and those of the services that its config attaches it to (docs/design/services.md). */
function networks(key: EnvironmentKey, config: Env): Pick<ServiceSpec, 'network' | 'moreNetworks'> {
  const more = [...new Set(attachedIn(config).map(({ object }) => object))]
  return { network: spaceNetwork(key), ...(more.length > 0 && { moreNetworks: more }) }
}

/** Swarm allows 63 characters; a longer name keeps its beginning and gets a hash of the whole. */
export function objectName(key: EnvironmentKey, rest: string): string {
  const full = `l-${key.app}-${key.environment}-${rest}`
  if (full.length <= 63) return full
  return `${full.slice(0, 52)}-${createHash('sha256').update(full).digest('hex').slice(0, 10)}`
}

function processLabels(release: Release, type: ProcessType | 'release'): Labels {
  return {
    ...environmentLabels(release),
    [label.role]: 'process',
    [label.type]: type,
    [label.release]: String(release.number),
    [label.config]: String(release.config),
    [label.commit]: release.commit ?? '',
  }
}

/**
 * By a shell inside the app's own container, as the Procfile promises; `&&` and variables work there. A shell that SIGTERM
 * ends at once takes the container with it before the app's own handler is done (Debian 13's dash stays the parent); with
 * a trap it waits for its child and passes its exit code on. The child does not inherit it (POSIX, "trap"). npm, pnpm
 * and Yarn 1 start scripts by a shell of their own that has no trap; bash steps aside for the last program of a script.
 * All on one line, so that the line that a shell's error names is the command's own.
 */
function shell(command: string | null): readonly string[] | null {
  return command === null ? null : ['sh', '-c', `trap : TERM; ${bashForScripts}; ${command}`]
}

/**
 * Only where the image has bash, and neither config nor an `.npmrc` chooses a shell, whose word the variable would
 * override. Source: npm docs, config, "script-shell".
 */
const bashForScripts = [
  '[ "$npm_config_script_shell$NPM_CONFIG_SCRIPT_SHELL" ]',
  '! command -v bash >/dev/null',
  "grep -qs '^ *script-shell' .npmrc ~/.npmrc 2>/dev/null",
  'export npm_config_script_shell=bash',
].join(' || ')

function environmentVariables(release: Release, type: string, config: Env): ServiceSpec['env'] {
  return {
    ...config,
    PORT: String(portOf(release)),
    LADING_APP: release.app,
    LADING_ENVIRONMENT: release.environment,
    LADING_RELEASE: `v${release.number}`,
    LADING_PROCESS_TYPE: type,
    ...(release.commit ? { LADING_COMMIT: release.commit } : {}),
    // SIGTERM reaches every process of the container, as on Heroku, not the shell alone (read by the engine's init).
    TINI_KILL_PROCESS_GROUP: '1',
  }
}

function containerPolicy(settings: Settings, limits: Limits): ContainerPolicy {
  return {
    memory: settings.memory,
    reservedMemory: Math.floor(settings.memory * limits.reservedMemoryShare),
    cpus: settings.cpus,
    pids: limits.pids,
    tmpBytes: limits.tmpBytes,
    openFiles: limits.openFiles,
    dropCapabilities: ['NET_RAW', 'MKNOD', 'AUDIT_WRITE', 'SYS_CHROOT'],
  }
}
