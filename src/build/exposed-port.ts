import type { Image, Settings } from '../core/release.ts'
import type { ContainerConfig } from './registry/image-document.ts'

/**
 * The one TCP port that an image says it listens on (`EXPOSE`, its base's too); null: none, or several. What is told PORT
 * listens there as well as anywhere, and what cannot be told listens where it always does.
 */
export function exposedPort({ ExposedPorts }: ContainerConfig): number | null {
  const ports = Object.keys(ExposedPorts ?? {}).flatMap(text => /^(\d{1,5})(?:\/tcp)?$/.exec(text)?.[1] ?? [])
  const port = Number(ports[0])
  return ports.length === 1 && port >= 1 && port <= 65_535 ? port : null
}

/** What lading.yaml leaves open, the image of a Dockerfile may say. */
export function withExposedPort(
  settings: Settings,
  { stack, config }: Pick<Image, 'stack'> & { readonly config: ContainerConfig },
): Settings {
  const port = stack === 'dockerfile' && settings.port === undefined ? exposedPort(config) : null
  return port === null ? settings : { ...settings, port }
}
