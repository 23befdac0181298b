import type { Release } from './release.ts'

/** The bill of lading: what travels with every release, as JSON. `version` grows when its shape changes. */
export function billOfLading(release: Release) {
  const { image, verdict } = release
  return {
    version: 3,
    app: release.app,
    environment: release.environment,
    release: `v${release.number}`,
    description: release.description,
    commit: release.commit,
    author: release.author,
    image: {
      reference: image.reference,
      stack: image.stack,
      method: image.method,
      buildKey: image.buildKey,
      layers: image.layers,
    },
    processes: image.processes,
    formation: release.formation,
    verdict,
    configVersion: release.config,
    releasedBy: release.by,
    releasedAt: new Date(release.createdAt).toISOString(),
    run: release.run,
  }
}
