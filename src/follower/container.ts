import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import { environmentOf, label, processName, type Labels } from '../core/labels.ts'
import { parseAppName, parseEnvironmentName, type EnvironmentKey } from '../core/names.ts'

/** Whose lines a container's are. */
export interface Writer {
  readonly key: EnvironmentKey
  /** `web.1`; of the platform's own `control.1`, `keeper-2`. */
  readonly name: string
  /** `v3`, or `-`. */
  readonly release: string
}

/** Where the platform's own lines are kept. */
export const platformKey: EnvironmentKey = {
  app: parseAppName('lading'),
  environment: parseEnvironmentName('production'),
}

interface ContainerFile {
  readonly Name?: string
  readonly Config?: { readonly Labels?: Labels | null }
}

/**
 * From the engine's own record of a container, which is there before its first line and while the engine is dead. The
 * record is the engine's private one, and every log shipper reads it: the same fields since 2014. Only labels are taken.
 * `null`: not ours. Throws while it is not there yet.
 */
export function readWriter(folder: string): Writer | null {
  const { Name = '', Config } = JSON.parse(readFileSync(join(folder, 'config.v2.json'), 'utf8')) as ContainerFile
  return writerOf(Name, Config?.Labels ?? {})
}

/** Null for what is not ours, and for labels that we would not have written. */
export function writerOf(containerName: string, labels: Labels): Writer | null {
  const role = labels[label.role] ?? ''
  if (role === 'platform' || role === 'build')
    return { key: platformKey, name: ownName(containerName), release: releaseOf(labels) }
  if (!['process', 'release-phase', 'one-off'].includes(role)) return null
  try {
    return { key: environmentOf(labels), name: processName(labels), release: releaseOf(labels) }
  } catch (error) {
    if (error instanceof AppError) return null
    throw error
  }
}

function releaseOf(labels: Labels): string {
  const release = labels[label.release] ?? ''
  return /^\d{1,9}$/.test(release) ? `v${release}` : '-'
}

/** `/lading-control.1.nh6ew7…` → `control.1`, `/lading-keeper-2` → `keeper-2` */
function ownName(containerName: string): string {
  return /^\/?(?:lading-)?([A-Za-z0-9_-]+(?:\.\d+)?)/.exec(containerName)?.[1] ?? 'lading'
}
