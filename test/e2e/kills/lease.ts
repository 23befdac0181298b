import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { defaults } from '../../../src/core/defaults.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Host } from '../../rig/host.ts'
import { call } from './socket.ts'
import { controlPlane } from './targets.ts'

const service = 'lading-control'

/** One control plane among several, as the engine and its own log know it. */
export interface ControlPlane {
  readonly container: string
  /** Outer id of the program itself, below the container's init. */
  readonly pid: number
  /** The number that its calls carry. */
  readonly term: number
}

/** The one that runs now, and holds the lease. */
export async function holder(host: Host): Promise<ControlPlane> {
  const container = await host.run([
    'docker',
    'ps',
    '--quiet',
    '--filter',
    `label=com.docker.swarm.service.name=${service}`,
  ])
  const init = await controlPlane(host)
  const [child] = (await readFile(`/proc/${init}/task/${init}/children`, 'utf8')).trim().split(' ')
  const term = /"lease: held by [^"]*, term (\d+)"/.exec(await logOf(host, container))?.[1]
  if (!child || !term) throw new Error(`${container} is no control plane that holds the lease`)
  return { container, pid: Number(child), term: Number(term) }
}

/** Swarm keeps so many of them; returns at once. */
export async function scale(host: Host, replicas: number): Promise<void> {
  await host.run(['docker', 'service', 'scale', '--detach', `${service}=${replicas}`])
}

export async function logOf(host: Host, container: string): Promise<string> {
  const { stdout, stderr } = await host.exec(['docker', 'logs', container])
  return stdout + stderr
}

/** Who the cluster says holds it: host name (the container's id), process, randomness. */
export async function leaseHolder(host: Host): Promise<string> {
  return host.run([
    'docker',
    'config',
    'inspect',
    '--format',
    '{{index .Spec.Labels "lading.lease.holder"}}',
    'lading-lease',
  ])
}

/** Stops it as a stalled machine would, for two leases and until another holds the lease and serves; then lets it go on. */
export async function stalled(
  host: Host,
  { container, pid }: ControlPlane,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const before = await leaseHolder(host)
  if (!before.startsWith(container)) throw new Error(`${container} does not hold the lease, ${before} does`)
  process.kill(pid, 'SIGSTOP')
  const stoppedAt = performance.now()
  try {
    await eventually('another holds the lease', async () => (await leaseHolder(host)) !== before, { everyMs: 500 })
    await meanwhile()
    await eventually('two leases are over', () => performance.now() - stoppedAt >= 2 * defaults.leaseMs)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** What the keeper says to a changing call with this number. */
export async function changeWith(host: Host, term: number): Promise<{ status: number; text: string }> {
  return call(host, 'keeper.sock', '/edge/routes/nobody/production', {
    method: 'DELETE',
    headers: { 'lading-term': String(term) },
  })
}
