import type { Clock } from '../core/clock.ts'
import { environmentOf, label } from '../core/labels.ts'
import type { DockerHttp } from '../docker/http.ts'
import type { Running } from '../proxy/held-slots.ts'

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

/**
 * The planted fault `swarms-word`: addresses are admitted as Swarm's task list tells them, which knows a port and no
 * container. Exists so that the wrong-app test can be seen red; nothing in production calls it.
 */
export async function followSwarmsWord(
  options: {
    readonly engine: DockerHttp
    readonly clusterAddress: string
    readonly clock: Clock
    readonly put: (process: Running) => void
    readonly remove: (container: string) => void
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
        options.put({
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
        options.remove(id)
      }
    } catch (error) {
      // Swarm's word fails open: what it said last stays, as a naive edge would have it.
      if (signal.aborted) throw error
    }
    await options.clock.sleep(pollMs)
  }
}
