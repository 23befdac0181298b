import type { Clock } from '../../../src/core/clock.ts'
import { environmentOf, label } from '../../../src/core/labels.ts'
import type { DockerHttp } from '../../../src/docker/http.ts'
import type { Admission } from '../../../src/proxy/admission.ts'

interface Task {
  readonly ID: string
  readonly Spec: { readonly ContainerSpec?: { readonly Labels?: Readonly<Record<string, string>> } }
  readonly Status: {
    readonly State: string
    readonly PortStatus?: { readonly Ports?: readonly { readonly PublishedPort?: number }[] }
  }
}

/**
 * Polling all tasks does not scale (decision: one-keeper-per-node): a real edge of this kind would not ask more often.
 */
const pollMs = 5000

/** Admits addresses as Swarm's task list has them, which knows a port and no container. */
export async function admitTasks(
  options: {
    readonly engine: DockerHttp
    readonly clusterAddress: string
    readonly clock: Clock
    readonly admission: Admission
  },
  signal: AbortSignal,
): Promise<void> {
  const known = new Set<string>()
  while (!signal.aborted) {
    try {
      const tasks = (await options.engine.json({ method: 'GET', path: '/tasks' }, signal)) as Task[]
      const running = tasks.filter(task => task.Status.State === 'running')
      for (const task of running) {
        const labels = task.Spec.ContainerSpec?.Labels ?? {}
        const port = task.Status.PortStatus?.Ports?.[0]?.PublishedPort
        if (!port || labels[label.type] !== 'web') continue
        known.add(task.ID)
        options.admission.put({
          ...environmentOf(labels),
          release: Number(labels[label.release]),
          container: task.ID,
          address: `${options.clusterAddress}:${port}`,
          stopping: false,
        })
      }
      for (const id of known) {
        if (running.some(task => task.ID === id)) continue
        known.delete(id)
        options.admission.remove(id)
      }
    } catch (error) {
      // It fails open: what Swarm said last stays, as a naive edge would have it.
      if (signal.aborted) throw error
    }
    await options.clock.sleep(pollMs)
  }
}
