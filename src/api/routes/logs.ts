import type { Hono } from 'hono'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { AppError, isPassing } from '../../core/errors.ts'
import { environmentLabels, label } from '../../core/labels.ts'
import type { EnvironmentKey } from '../../core/names.ts'
import { stoppedHint, stoppedOf, stoppedSentence } from '../../core/stopped.ts'
import type { Engine, LogLine } from '../../docker/engine.ts'
import type { Edges, ProcessView } from '../../edge/edges.ts'
import type { RetainedLogs } from '../../observe/retained-logs.ts'
import type { LogEntry } from '../documents.ts'
import { Channel } from '../channel.ts'
import { environmentOf, queryOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'
import { presentView } from './processes.ts'
import { ndjson, streamed } from '../stream.ts'

const mostLines = 10_000
/** Builds of so many runs are looked through. */
const runsRead = 50

export const logsQuery = z.strictObject({
  /** Lines of the past, over all sources. */
  tail: z.coerce.number().int().min(0).max(mostLines).default(100),
  follow: z.enum(['0', '1']).default('0'),
  since: z.iso.datetime({ offset: true, error: 'a moment, such as 2026-11-25T20:50:00Z' }).optional(),
  /** By comma: `app`, `router`, `platform`, a process type or a process; or `build`, by itself. */
  source: z
    .string()
    .regex(/^[a-z][a-z0-9-]*(\.\d+)?(,[a-z][a-z0-9-]*(\.\d+)?)*$/, 'web, web.1, app, router, platform or build')
    .optional(),
})

interface Asked {
  readonly tail: number
  readonly follow: boolean
  /** Nanoseconds, UTC: nothing from before. */
  readonly since: string
  readonly sources: readonly string[]
}

interface LogDeps {
  readonly edges: Edges
  readonly engine: Engine
  readonly clock: Clock
}

/** One log that can be read: a process's container, or the router's. */
interface Source {
  readonly name: string
  read(options: { tail: number; follow: boolean; since?: number }, signal: AbortSignal): AsyncIterable<LogLine>
}

export function logRoutes(api: Hono<ApiEnv>, { store, edges, engine, clock, retainedLogs }: ApiParts): void {
  api.get('/v1/apps/:app/environments/:environment/logs', async c => {
    const key = await environmentOf(c, store)
    const { tail, follow, since, source } = queryOf(c, logsQuery)
    const sources = source?.split(',').map(one => (one === 'platform' ? 'lading' : one)) ?? []
    const asked = {
      tail,
      follow: follow === '1',
      since: momentOf(since === undefined ? 0 : Date.parse(since)),
      sources,
    }
    // Nothing that is kept of an app that had this name before.
    const created = momentOf((await store.findApp(key.app))?.createdAt ?? 0)
    const ownTime = { ...asked, since: asked.since > created ? asked.since : created }
    const deps = { edges, engine, clock }
    const open = sources.includes('build')
      ? () => buildLines(key, asked, store)
      : retainedLogs === undefined
        ? (signal: AbortSignal) => readLogs(key, asked, deps, signal)
        : (signal: AbortSignal) => keptOrEngine(key, { asked, ownTime }, { ...deps, retainedLogs }, signal)
    const saysWhy = sources.length === 0 || sources.includes('lading')
    const opened = saysWhy ? (signal: AbortSignal) => whyStopped(key, engine, open, signal) : open
    return streamed(c, { clock, format: ndjson<LogEntry>(), open: opened })
  })
}

/** Before all lines, whatever the platform has stopped: it has no line of its own any more. */
async function* whyStopped(
  key: EnvironmentKey,
  engine: Engine,
  open: (signal: AbortSignal) => AsyncIterable<LogEntry>,
  signal: AbortSignal,
): AsyncGenerator<LogEntry, void, undefined> {
  const services = await engine.listServices(environmentLabels(key), signal).catch((error: unknown) => {
    if (signal.aborted || !isPassing(error)) throw error
    return []
  })
  for (const { labels } of services) {
    const stopped = stoppedOf(labels)
    if (stopped === null) continue
    const text = `${stoppedSentence(labels[label.type] ?? '?', labels[label.release] ?? '?', stopped)}. ${stoppedHint}`
    const time = new Date(stopped.at).toISOString()
    yield { time, source: 'lading', stream: 'stderr', text, release: `v${labels[label.release]}` }
  }
  yield* open(signal)
}

/** What the follower keeps; where none answers, what the engine still has, and a line that says so. */
async function* keptOrEngine(
  key: EnvironmentKey,
  { asked, ownTime }: { readonly asked: Asked; readonly ownTime: Asked },
  deps: LogDeps & { readonly retainedLogs: RetainedLogs },
  signal: AbortSignal,
): AsyncGenerator<LogEntry, void, undefined> {
  let hasBegun = false
  try {
    for await (const { time, source, stream, text, release } of deps.retainedLogs.lines(
      { ...key, ...ownTime },
      signal,
    )) {
      hasBegun = true
      yield { time, source, stream, text, release }
    }
  } catch (error) {
    if (signal.aborted || hasBegun || !(error instanceof AppError && error.code === 'unavailable')) throw error
    const text = `${error.message}; these are the lines that the engine still has`
    yield { time: new Date(deps.clock.now()).toISOString(), source: 'lading', stream: 'stderr', text }
    yield* readLogs(key, asked, deps, signal)
  }
}

/** The output of builds and release phases, where it is kept anyway: with the runs. */
async function* buildLines(
  key: EnvironmentKey,
  { tail, follow, since, sources }: Asked,
  store: ApiParts['store'],
): AsyncGenerator<LogEntry, void, undefined> {
  if (follow || sources.length > 1)
    throw new AppError('invalid-input', 'lines of builds are read by themselves, and not followed', {
      hint: '"lading deploy" and a push show a build as it goes; "lading runs show ID" one that was.',
    })
  const found: LogEntry[] = []
  for (const { id, release } of await store.listRuns(key, runsRead)) {
    const lines = await store.readLines(id, 0)
    const entries = lines.map(({ at, text }): LogEntry => {
      const time = sortable(new Date(at).toISOString())
      return {
        time: `${time}Z`,
        source: 'build',
        stream: 'stdout',
        text,
        release: release === null ? null : `v${release}`,
      }
    })
    found.unshift(...entries.filter(({ time }) => time >= since))
    if (found.length >= tail) break
  }
  yield* found.slice(tail === 0 ? Infinity : -tail)
}

/**
 * The processes' logs and the router's as one: the last `tail` lines of the past by time, then, with `follow`, each
 * line as it comes, of processes started later too. A log that cannot be read is said in a line of the source
 * `lading`; the others go on.
 */
export async function* readLogs(
  key: EnvironmentKey,
  { tail, follow, since, sources: wanted }: Asked,
  deps: LogDeps,
  signal: AbortSignal,
): AsyncGenerator<LogEntry, void, undefined> {
  const view = await presentView(key, deps, signal)
  const sources = [routerSource(key, deps), ...view.processes.map(process => processSource(process, deps))].filter(
    ({ name }) => isWanted(name, wanted),
  )
  const past = await Promise.all(sources.map(source => readPast(source, tail, deps, signal)))
  yield* past
    .flat()
    .filter(({ time }) => sortable(time) >= since)
    .sort((a, b) => (sortable(a.time) < sortable(b.time) ? -1 : 1))
    .slice(tail === 0 ? Infinity : -tail)
  if (!follow) return
  const channel = new Channel<LogEntry>()
  const stop = new AbortController()
  const until = AbortSignal.any([signal, stop.signal])
  until.addEventListener('abort', () => channel.end(), { once: true })
  for (const [index, source] of sources.entries()) void pump(source, past[index]?.at(-1), { channel, deps }, until)
  const known = new Set(view.processes.map(({ container }) => container))
  void pumpNewcomers(key, { known, wanted }, { channel, deps }, until)
  try {
    yield* channel
  } finally {
    stop.abort()
  }
}

async function readPast(source: Source, tail: number, deps: LogDeps, signal: AbortSignal): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  try {
    if (tail > 0)
      for await (const line of source.read({ tail, follow: false }, signal)) entries.push(entry(source, line))
  } catch (error) {
    signal.throwIfAborted()
    const note = unreadable(source, error, deps.clock)
    if (note) entries.push(note)
  }
  return entries
}

interface Pump {
  readonly channel: Channel<LogEntry>
  readonly deps: LogDeps
}

/** Lines that came after `last`. The source is asked from the second of `last` on; what was given before is dropped. */
async function pump(
  source: Source,
  last: LogEntry | undefined,
  { channel, deps }: Pump,
  signal: AbortSignal,
): Promise<void> {
  const since = last ? { since: Math.floor(Date.parse(last.time) / 1000) } : {}
  try {
    for await (const line of source.read({ tail: last ? 1000 : 0, follow: true, ...since }, signal)) {
      if (last && (sortable(line.time) < sortable(last.time) || (line.time === last.time && line.text === last.text)))
        continue
      await channel.write(entry(source, line))
    }
  } catch (error) {
    if (signal.aborted) return
    const note = unreadable(source, error, deps.clock)
    if (note) await channel.write(note)
  }
}

/** Processes that start while someone follows: all of their log is new. */
async function pumpNewcomers(
  key: EnvironmentKey,
  { known, wanted }: { readonly known: Set<string>; readonly wanted: readonly string[] },
  { channel, deps }: Pump,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { processes } of deps.edges.watch(key, signal)) {
      for (const process of processes) {
        if (known.has(process.container) || !isWanted(process.name, wanted)) continue
        known.add(process.container)
        void pump(wholeLog(processSource(process, deps)), undefined, { channel, deps }, signal)
      }
    }
  } catch (error) {
    if (signal.aborted) return
    const note = unreadable({ name: 'new processes' }, error, deps.clock)
    if (note) await channel.write(note)
  }
}

function routerSource(key: EnvironmentKey, { edges }: LogDeps): Source {
  return { name: 'router', read: ({ tail, follow }, signal) => edges.routerLog(key, { tail, follow }, signal) }
}

function processSource({ name, container, node }: ProcessView, { engine }: LogDeps): Source {
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

/** Of all sources, of all processes (`app`), of a type, of one process. */
function isWanted(source: string, wanted: readonly string[]): boolean {
  const isApp = source.includes('.')
  return (
    wanted.length === 0 || wanted.some(one => (one === 'app' ? isApp : one === source || source.startsWith(`${one}.`)))
  )
}

function momentOf(ms: number): string {
  return sortable(new Date(ms).toISOString())
}

/** Times with fractions of different length, made comparable as texts. */
function sortable(time: string): string {
  const [seconds = '', fraction = ''] = time.replace(/Z$/, '').split('.')
  return `${seconds}.${fraction.padEnd(9, '0')}`
}
