import type { Hono } from 'hono'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { EnvironmentKey } from '../core/names.ts'
import type { Engine, LogLine } from '../docker/engine.ts'
import type { Edges, ProcessView } from '../edge/edges.ts'
import type { LogEntry } from './documents.ts'
import { Funnel } from './funnel.ts'
import { environmentOf, queryOf } from './input.ts'
import type { ApiEnv, ApiParts } from './parts.ts'
import { presentView } from './processes.ts'
import { ndjson, streamed } from './stream.ts'

const logsQuery = z.strictObject({
  /** Lines of the past, over all sources. */
  tail: z.coerce.number().int().min(0).max(10_000).default(100),
  follow: z.enum(['0', '1']).default('0'),
})

interface LogTools {
  readonly edges: Edges
  readonly engine: Engine
  readonly clock: Clock
}

/** One log that can be read: a process's container, or the router's. */
interface Source {
  readonly name: string
  read(options: { tail: number; follow: boolean; since?: number }, signal: AbortSignal): AsyncIterable<LogLine>
}

export function logRoutes(api: Hono<ApiEnv>, { store, edges, engine, clock }: ApiParts): void {
  api.get('/v1/apps/:app/environments/:environment/logs', async c => {
    const key = await environmentOf(c, store)
    const { tail, follow } = queryOf(c, logsQuery)
    return streamed(c, {
      clock,
      format: ndjson<LogEntry>(),
      open: signal => readLogs(key, { tail, follow: follow === '1' }, { edges, engine, clock }, signal),
    })
  })
}

/**
 * The processes' logs and the router's as one: the last `tail` lines of the past by time, then, with `follow`, each
 * line as it comes, of processes started later too. A log that cannot be read is said in a line of the source
 * `lading`; the others go on.
 */
export async function* readLogs(
  key: EnvironmentKey,
  { tail, follow }: { readonly tail: number; readonly follow: boolean },
  tools: LogTools,
  signal: AbortSignal,
): AsyncGenerator<LogEntry, void, undefined> {
  const view = await presentView(key, tools, signal)
  const sources = [routerSource(key, tools), ...view.processes.map(process => processSource(process, tools))]
  const past = await Promise.all(sources.map(source => readPast(source, tail, tools, signal)))
  yield* past
    .flat()
    .sort((a, b) => (sortable(a.time) < sortable(b.time) ? -1 : 1))
    .slice(tail === 0 ? Infinity : -tail)
  if (!follow) return
  const funnel = new Funnel<LogEntry>()
  const stop = new AbortController()
  const until = AbortSignal.any([signal, stop.signal])
  until.addEventListener('abort', () => funnel.end(), { once: true })
  for (const [index, source] of sources.entries()) void pump(source, past[index]?.at(-1), { funnel, tools }, until)
  void pumpNewcomers(key, new Set(view.processes.map(({ container }) => container)), { funnel, tools }, until)
  try {
    yield* funnel
  } finally {
    stop.abort()
  }
}

async function readPast(source: Source, tail: number, tools: LogTools, signal: AbortSignal): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  try {
    if (tail > 0)
      for await (const line of source.read({ tail, follow: false }, signal)) entries.push(entry(source, line))
  } catch (error) {
    signal.throwIfAborted()
    const note = unreadable(source, error, tools.clock)
    if (note) entries.push(note)
  }
  return entries
}

interface Pump {
  readonly funnel: Funnel<LogEntry>
  readonly tools: LogTools
}

/** Lines that came after `last`. The source is asked from the second of `last` on; what was given before is dropped. */
async function pump(
  source: Source,
  last: LogEntry | undefined,
  { funnel, tools }: Pump,
  signal: AbortSignal,
): Promise<void> {
  const since = last ? { since: Math.floor(Date.parse(last.time) / 1000) } : {}
  try {
    for await (const line of source.read({ tail: last ? 1000 : 0, follow: true, ...since }, signal)) {
      if (last && (sortable(line.time) < sortable(last.time) || (line.time === last.time && line.text === last.text)))
        continue
      await funnel.write(entry(source, line))
    }
  } catch (error) {
    if (signal.aborted) return
    const note = unreadable(source, error, tools.clock)
    if (note) await funnel.write(note)
  }
}

/** Processes that start while somebody follows: all of their log is new. */
async function pumpNewcomers(
  key: EnvironmentKey,
  known: Set<string>,
  { funnel, tools }: Pump,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { processes } of tools.edges.watch(key, signal)) {
      for (const process of processes) {
        if (known.has(process.container)) continue
        known.add(process.container)
        void pump(wholeLog(processSource(process, tools)), undefined, { funnel, tools }, signal)
      }
    }
  } catch (error) {
    if (signal.aborted) return
    const note = unreadable({ name: 'new processes' }, error, tools.clock)
    if (note) await funnel.write(note)
  }
}

function routerSource(key: EnvironmentKey, { edges }: LogTools): Source {
  return { name: 'router', read: ({ tail, follow }, signal) => edges.routerLog(key, { tail, follow }, signal) }
}

function processSource({ name, container, node }: ProcessView, { engine }: LogTools): Source {
  return { name, read: (options, signal) => engine.logs(container, { ...options, node }, signal) }
}

function wholeLog(source: Source): Source {
  return { name: source.name, read: (options, signal) => source.read({ ...options, tail: 10_000 }, signal) }
}

function entry(source: Source, { time, stream, text }: LogLine): LogEntry {
  return { time, source: source.name, stream, text }
}

/** Null for a container that is gone by now: its log went with it, as the contract says. */
function unreadable(source: Pick<Source, 'name'>, error: unknown, clock: Clock): LogEntry | null {
  if (error instanceof AppError && error.code === 'not-found') return null
  const text = `the log of ${source.name} cannot be read: ${error instanceof Error ? error.message : String(error)}`
  return { time: new Date(clock.now()).toISOString(), source: 'lading', stream: 'stderr', text }
}

/** Times with fractions of different length, made comparable as texts. */
function sortable(time: string): string {
  const [seconds = '', fraction = ''] = time.replace(/Z$/, '').split('.')
  return `${seconds}.${fraction.padEnd(9, '0')}`
}
