import { environmentLabels, label } from '../core/labels.ts'
import { stoppedOf, stoppedSentence } from '../core/stopped.ts'
import type { Engine } from '../docker/engine.ts'
import type { ReleaseKey } from '../edge/edges.ts'

/**
 * A sentence for each process type of a release that the platform has stopped; none, usually, nor where the engine does
 * not answer: what follows a crash waits for no engine. Rejects when aborted.
 */
export async function stoppedTypes(
  { app, environment, release }: ReleaseKey,
  engine: Pick<Engine, 'listServices'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const labels = { ...environmentLabels({ app, environment }), [label.release]: String(release) }
  const services = await engine.listServices(labels, signal).catch(() => {
    signal.throwIfAborted()
    return []
  })
  return services.flatMap(service => {
    const stopped = stoppedOf(service.labels)
    return stopped === null ? [] : [stoppedSentence(service.labels[label.type] ?? '?', release, stopped)]
  })
}
