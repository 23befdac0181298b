import { z } from 'zod'
import { label } from '../../core/labels.ts'
import { stoppedOf, stoppedSentence } from '../../core/stopped.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { find } from '../swarm/engine-call.ts'

const services = z.array(z.object({ Spec: z.object({ Labels: z.record(z.string(), z.string()) }) }))

/** Apps that were stopped because the disk was nearly full (docs/design/disk-guard.md), until their next release. */
export async function checkStopped(signal: AbortSignal): Promise<string | Obstacle[]> {
  const query = { filters: JSON.stringify({ label: [label.stopped] }) }
  const found = services
    .parse((await find({ method: 'GET', path: '/services', query }, signal)) ?? [])
    .flatMap(({ Spec: { Labels: labels } }) => {
      const stopped = stoppedOf(labels)
      if (stopped === null) return []
      const sentence = stoppedSentence(labels[label.type] ?? '?', labels[label.release] ?? '?', stopped)
      const app = labels[label.app] ?? '?'
      return [{ what: `${app}: ${sentence}`, next: `Its owner fixes it; lading deploy --app ${app} starts it again` }]
    })
  return found.length > 0 ? found : 'none was stopped for what it wrote'
}
