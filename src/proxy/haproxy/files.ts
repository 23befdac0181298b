import { join } from 'node:path'
import type { MapName } from './maps.ts'

/** Where everything of the edge lies. State survives the host's restart, run files do not. */
export interface EdgePaths {
  readonly model: string
  readonly config: string
  readonly pages: string
  readonly certificates: string
  readonly certificateList: string
  map(name: MapName): string
  certificate(name: string): string
  /** HAProxy's runtime socket; each process has its own, so that an old one can be asked while it drains. */
  runtimeSocket(process: number): string
  /** Where a process takes requests from the one before it. */
  relaySocket(process: number): string
  /** A link to the relay socket of the newest process. */
  readonly nextSocket: string
  readonly registrySocket: string
  /** Where a keeper tells what its old HAProxies still have in flight. */
  drainSocket(generation: number): string
  /** Who owns events and admission: generation, process id, the HAProxy that runs. */
  readonly owner: string
  /** A process's socket for the log follower, of the lowest level that reads a ring; it takes changes of maps all the same. */
  routerSocket(process: number): string
  /** Which of them is the newest's. */
  readonly newestRouter: string
  /** Where the keeper names the containers behind slots, and does nothing else. */
  readonly occupantsSocket: string
}

export function edgePaths(stateDir: string, runDir: string): EdgePaths {
  const run = join(runDir, 'edge')
  const certificates = join(stateDir, 'certificates')
  return {
    model: join(stateDir, 'edge.json'),
    config: join(stateDir, 'haproxy.cfg'),
    pages: join(stateDir, 'pages'),
    certificates,
    certificateList: join(stateDir, 'certificates.list'),
    map: name => join(stateDir, `${name}.map`),
    // HAProxy says `*` before a path for a transaction that is open.
    certificate: name => join(certificates, `${name.replace('*', '_')}.pem`),
    runtimeSocket: process => join(run, `runtime-${process}.sock`),
    relaySocket: process => join(run, `relay-${process}.sock`),
    nextSocket: join(run, 'next.sock'),
    registrySocket: join(runDir, 'registry.sock'),
    drainSocket: generation => join(run, `drains-${generation}.sock`),
    owner: join(run, 'owner.json'),
    ...routerPaths(join(runDir, 'router')),
  }
}

/** In a folder of their own, which the log follower is shown and may not write into (src/install/platform/privileges.ts). */
export function routerPaths(folder: string): Pick<EdgePaths, 'routerSocket' | 'newestRouter' | 'occupantsSocket'> {
  return {
    routerSocket: process => join(folder, `haproxy-${process}.sock`),
    newestRouter: join(folder, 'newest.json'),
    occupantsSocket: join(folder, 'tenants.sock'),
  }
}
