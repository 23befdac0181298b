import { join } from 'node:path'

export interface FollowerConfig {
  /** Where lines are kept. */
  readonly stateDir: string
  /** The engine's folder of containers, below its root. */
  readonly containers: string
  readonly socket: string
  readonly keeperSocket: string
  /** Tells which HAProxy is the newest. */
  readonly ownerFile: string
}

/** The follower's environment variables. `lading up` writes them. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): FollowerConfig {
  const runDir = env['LADING_RUN_DIR'] ?? '/run/lading'
  return Object.freeze({
    stateDir: env['LADING_STATE_DIR'] ?? '/var/lib/lading/logs',
    containers: env['LADING_CONTAINERS'] ?? '/var/lib/docker/containers',
    socket: join(runDir, 'logs.sock'),
    keeperSocket: join(runDir, 'keeper.sock'),
    ownerFile: join(runDir, 'edge', 'owner.json'),
  })
}
