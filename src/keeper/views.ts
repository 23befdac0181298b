import type { Clock } from '../core/clock.ts'
import type { EnvironmentKey, NodeName } from '../core/names.ts'
import type { EnvironmentView, ProcessView } from '../edge/edges.ts'
import type { HaproxyEdge } from '../proxy/haproxy/edge.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import type { RunningProcess, Processes } from './processes.ts'

export interface ViewsOptions {
  readonly processes: Processes
  readonly edge: HaproxyEdge
  readonly node: NodeName
  readonly clock: Clock
}

/** Requests in flight have no event; a reader that waits for a drain sees them so often (ms). */
const inFlightMs = 250

/** What runs of an environment and what this edge knows of it: whole views, the newest only. */
export class Views {
  readonly #options: ViewsOptions
  readonly #wakeups = new Set<Wakeup>()

  constructor(options: ViewsOptions) {
    this.#options = options
  }

  changed(): void {
    for (const wakeup of this.#wakeups) wakeup.wake()
  }

  /** The present, then each change; a reader that is slow gets fewer. Ends by abort. */
  async *watch(key: EnvironmentKey, signal: AbortSignal): AsyncIterable<EnvironmentView> {
    const wakeup = new Wakeup(this.#options.clock)
    this.#wakeups.add(wakeup)
    try {
      let last = ''
      while (!signal.aborted) {
        const view = await this.#view(key)
        const text = JSON.stringify(view)
        if (text !== last) yield view
        last = text
        await wakeup.wait(inFlightMs, signal)
      }
    } finally {
      this.#wakeups.delete(wakeup)
    }
  }

  async #view(key: EnvironmentKey): Promise<EnvironmentView> {
    const { processes, edge } = this.#options
    const inFlight = await edge.inFlight(key)
    return { processes: processes.of(key).map(one => this.#process(one)), inFlight }
  }

  #process(process: RunningProcess): ProcessView {
    const { container, release, type, name, state, exitCode, outOfMemory, startedAt, address } = process
    const proof = this.#options.edge.admission.proofOf(container)
    const facts = { container, release, type, name, state, exitCode, outOfMemory, startedAt, address }
    return { ...facts, node: this.#options.node, ...proof }
  }
}

/** Names of processes for the router's log: `shop/production` and `h1_tcp_4_1/s2` → `web.1`. */
export function processNames(edge: HaproxyEdge, processes: Processes): (slot: string) => string | null {
  return slot => {
    const container = edge.admission.occupantOf(slot)
    return (container && processes.get(container)?.name) ?? null
  }
}
