import { parseAppName, parseEnvironmentName, parseProcessType, type EnvironmentKey } from './names.ts'

/**
 * law: readable-from-the-cluster. What runs can be read back from the cluster. On every swarm service, container,
 * network and Swarm config.
 */
export const label = {
  app: 'lading.app',
  environment: 'lading.environment',
  type: 'lading.type',
  release: 'lading.release',
  config: 'lading.config',
  commit: 'lading.commit',
  run: 'lading.run',
  /** Of a backing service: id, kind and name (docs/design/services.md). */
  service: 'lading.service',
  kind: 'lading.kind',
  name: 'lading.name',
  /** `process`, `release-phase`, `one-off`, `verify`, `build`, `platform`, `service`. */
  role: 'lading.role',
  /** The term of the control plane that made it. */
  term: 'lading.term',
  /** That the platform stopped it, and why (core/stopped.ts). */
  stopped: 'lading.stopped',
} as const

export type Labels = Readonly<Record<string, string>>

export function environmentLabels(key: EnvironmentKey): Labels {
  return { [label.app]: key.app, [label.environment]: key.environment }
}

/** The inverse. Rejects `invalid-input` when they name none. */
export function environmentOf(labels: Labels): EnvironmentKey {
  return {
    app: parseAppName(labels[label.app] ?? ''),
    environment: parseEnvironmentName(labels[label.environment] ?? ''),
  }
}

/** `web.1`: the process type, and the number that Swarm gave (`l-shop-production-v3-web.2.abc…` → `2`). */
export function processName(labels: Labels): string {
  const number = /\.(\d+)\.[a-z0-9]+$/.exec(labels['com.docker.swarm.task.name'] ?? '')?.[1] ?? '1'
  return `${parseProcessType(labels[label.type] ?? '')}.${number}`
}

/** `shop/production`: the key of an environment in maps, routes and logs. */
export function environmentId(key: EnvironmentKey): string {
  return `${key.app}/${key.environment}`
}
