import { answers, count, type Release } from '../core/release.ts'

/** What the pusher reads of a release that is live: where it answers, and what does not run although it is declared. */
export function liveLines(release: Release, urls: readonly string[]): readonly string[] {
  const types = release.image.processes.map(({ type }) => type)
  const idle = types.filter(type => count(release, type) === 0)
  return [
    `-----> v${release.number} is live`,
    ...(answers(release) ? urls.map(url => `       ${url}`) : []),
    ...idle.map(type => `       ${type} has no process: lading scale ${type}=1`),
  ]
}
