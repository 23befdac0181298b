import type { Clock } from '../../core/clock.ts'
import type { LogLine } from '../../docker/engine.ts'
import type { HaproxyEdge } from '../haproxy/edge.ts'
import { followRing } from './ring.ts'
import { asLogLine, parseRouterLine } from './router-log.ts'

export interface RouterLogRequest {
  readonly edge: HaproxyEdge
  /** `shop/production` */
  readonly environment: string
  readonly tail: number
  readonly follow: boolean
  readonly nameOf: (slot: string) => string | null
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Lines of one environment, out of the ring that all share: the last `tail` of what it still holds, then what comes.
 * The ring starts over with each HAProxy; a reader that follows goes over to it.
 */
export async function* readRouterLog(request: RouterLogRequest): AsyncIterable<LogLine> {
  const { edge, signal, tail } = request
  const past: LogLine[] = []
  const held = (await edge.supervisor.runtime.ask('show events router')).split('\n')
  for await (const line of linesOf(request, held)) {
    past.push(line)
    if (past.length > tail) past.shift()
  }
  yield* past
  if (request.follow) yield* linesOf(request, followRing(edge.supervisor, 'router', request.clock, signal))
}

async function* linesOf(
  request: RouterLogRequest,
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncIterable<LogLine> {
  for await (const text of lines) {
    const entry = parseRouterLine(text)
    if (entry?.environment === request.environment) yield asLogLine(entry, request.nameOf)
  }
}
