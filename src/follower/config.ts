import { join } from 'node:path'
import { routerPaths, type EdgePaths } from '../proxy/haproxy/files.ts'

export interface FollowerConfig {
  /** Where lines are kept. */
  readonly stateDir: string
  /** The engine's folder of containers, below its root. */
  readonly containers: string
  readonly socket: string
  /** What the keeper shows of the router (src/proxy/haproxy/files.ts). */
  readonly router: Pick<EdgePaths, 'newestRouter' | 'occupantsSocket'>
}

/** The follower's environment variables. `lading up` writes them. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): FollowerConfig {
  const runDir = env['LADING_RUN_DIR'] ?? '/run/lading/logs'
  return Object.freeze({
    stateDir: env['LADING_STATE_DIR'] ?? '/var/lib/lading/logs',
    containers: env['LADING_CONTAINERS'] ?? '/var/lib/docker/containers',
    socket: join(runDir, 'logs.sock'),
    router: routerPaths(env['LADING_ROUTER_DIR'] ?? '/run/lading/router'),
  })
}
