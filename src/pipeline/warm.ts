import { defaults } from '../core/defaults.ts'
import type { Release } from '../core/release.ts'
import { withTicks } from '../lib/async/ticks.ts'
import type { ProcessView } from '../edge/edges.ts'
import { stoppedTypes } from '../rollout/stopped-types.ts'
import type { Deps } from './deps.ts'

/**
 * Watches a live release for the observation window. Null: it held. A sentence: one of its processes exited, and the one that
 * served before should serve again.
 */
export async function watchWarm(release: Release, deps: Deps, signal: AbortSignal): Promise<string | null> {
  const { clock } = deps
  const until = clock.monotonic() + defaults.warmMs
  const watching = new AbortController()
  const before = new Set<string>()
  let isFirst = true
  try {
    const views = deps.edges.watch(release, AbortSignal.any([signal, watching.signal]))
    for await (const view of withTicks(views, { clock, everyMs: 500 })) {
      signal.throwIfAborted()
      const exited = view.processes.filter(process => process.release === release.number && process.state === 'exited')
      // A crash before proof that did not fail the rollout is no news.
      if (isFirst) for (const process of exited) before.add(process.container)
      isFirst = false
      const crash = exited.find(process => !before.has(process.container))
      if (crash) {
        const key = { ...release, release: release.number }
        const stopped = await stoppedTypes(key, deps.engine, signal)
        return stopped[0] ?? sentence(crash)
      }
      if (clock.monotonic() >= until) return null
    }
    signal.throwIfAborted()
    return null
  } finally {
    watching.abort()
  }
}

function sentence(process: ProcessView): string {
  if (process.outOfMemory) return `${process.name} was killed for memory after going live`
  return `${process.name} exited with code ${process.exitCode ?? 'unknown'} after going live`
}
