import type { Hono } from 'hono'
import { operates } from '../../access/roles.ts'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { environmentLabels, label } from '../../core/labels.ts'
import type { EnvironmentKey } from '../../core/names.ts'
import { stoppedOf, stoppedSentence } from '../../core/stopped.ts'
import type { Engine, ServiceView, TaskView } from '../../docker/engine.ts'
import type { Edges, EnvironmentView, ProcessView } from '../../edge/edges.ts'
import type { ProcessDocument } from '../documents.ts'
import { environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

/** How long the edges may take to say what runs (ms). */
const viewMs = 5_000

/** Swarm's states before a container and after a refusal; those of tasks that are simply over are left out. */
const waiting = new Set([
  'new',
  'allocated',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'rejected',
])

export function processRoutes(api: Hono<ApiEnv>, { store, edges, engine, clock }: ApiParts): void {
  api.get('/v1/apps/:app/environments/:environment/processes', async c => {
    const key = await environmentOf(c, store)
    const signal = c.req.raw.signal
    const [view, tasks] = await Promise.all([presentView(key, { edges, clock }, signal), tasksOf(key, engine, signal)])
    const known = present(view.processes, tasks).map(fromView)
    const all = [...known, ...withoutContainer(tasks, view), ...stoppedOnes(tasks)].sort(byNameInRelease)
    // Nodes, and names by which their engines know containers, are the operators' business.
    const visible = operates(c.get('principal')) ? all : all.map(one => ({ ...one, node: null, container: null }))
    return c.json(visible satisfies ProcessDocument[])
  })
}

/** What runs, and of a name that does not run its last end, while its release should run: older ends are the log's. */
function present(processes: readonly ProcessView[], all: readonly Tasks[]): readonly ProcessView[] {
  const wanted = new Set(
    all.flatMap(({ service: { labels } }) =>
      stoppedOf(labels) ? [] : [`${labels[label.type]} ${labels[label.release]}`],
    ),
  )
  const same = (one: ProcessView, other: ProcessView) => one.release === other.release && one.name === other.name
  return processes.filter(process => {
    if (process.state === 'running') return true
    if (!wanted.has(`${process.type} ${process.release}`)) return false
    return !processes.some(other => same(process, other) && other.startedAt > process.startedAt)
  })
}

/** What runs now, as the edges and keepers see it; `unavailable` when they do not answer. */
export async function presentView(
  key: EnvironmentKey,
  { edges, clock }: { readonly edges: Edges; readonly clock: Clock },
  signal: AbortSignal,
): Promise<EnvironmentView> {
  const enough = new AbortController()
  const until = AbortSignal.any([signal, enough.signal])
  const views = edges.watch(key, until)[Symbol.asyncIterator]()
  const late = clock.sleep(viewMs, until).then(
    () => null,
    () => null,
  )
  const next = views.next()
  try {
    const first = await Promise.race([next, late])
    if (first && !first.done) return first.value
    signal.throwIfAborted()
    throw new AppError('unavailable', 'no keeper says what runs', {
      retryable: true,
      hint: 'On the server: "docker ps --all --filter name=lading-keeper" and "docker logs" of it tell why.',
    })
  } finally {
    next.catch(() => undefined)
    enough.abort()
  }
}

interface Tasks {
  readonly service: ServiceView
  readonly tasks: readonly TaskView[]
}

async function tasksOf(key: EnvironmentKey, engine: Engine, signal: AbortSignal): Promise<readonly Tasks[]> {
  const services = await engine.listServices({ ...environmentLabels(key), [label.role]: 'process' }, signal)
  return Promise.all(services.map(async service => ({ service, tasks: await engine.listTasks(service.name, signal) })))
}

/** Per slot the newest task, where it has no container yet: why a process does not start is in Swarm's report alone. */
function withoutContainer(all: readonly Tasks[], view: EnvironmentView): ProcessDocument[] {
  const containers = new Set(view.processes.map(process => process.container))
  return all.flatMap(({ service, tasks }) => {
    const type = service.labels[label.type] ?? '?'
    const slots = new Map<number, TaskView>()
    for (const task of tasks) if (!slots.has(task.slot)) slots.set(task.slot, task)
    return [...slots.values()]
      .filter(task => waiting.has(task.state) && !containers.has(task.container ?? ''))
      .map(task => ({
        name: `${type}.${task.slot}`,
        type,
        release: Number(service.labels[label.release] ?? 0),
        state: task.state,
        proof: 'none',
        node: task.node,
        container: task.container,
        startedAt: null,
        note: task.error,
      }))
  })
}

/** A process type that the platform stopped: one line for it, with the reason, until a new release comes. */
function stoppedOnes(all: readonly Tasks[]): ProcessDocument[] {
  return all.flatMap(({ service: { labels } }) => {
    const stopped = stoppedOf(labels)
    if (stopped === null) return []
    const [type, release] = [labels[label.type] ?? '?', Number(labels[label.release] ?? 0)]
    const note = `${stoppedSentence(type, release, stopped)}; "lading deploy" starts it again`
    const nowhere = { proof: 'none', node: null, container: null }
    return [{ name: type, type, release, state: 'stopped', ...nowhere, startedAt: stopped.at, note }]
  })
}

function fromView(process: ProcessView): ProcessDocument {
  const { name, type, release, state, proof, node, container, startedAt } = process
  return { name, type, release, state, proof, node, container, startedAt, note: noteOn(process) }
}

function noteOn(process: ProcessView): string | null {
  if (process.outOfMemory) return 'killed for memory'
  if (process.state === 'exited') return `exit code ${process.exitCode ?? 'unknown'}`
  return process.proof === 'checking' || process.proof === 'down' ? process.lastCheck : null
}

/** `web` first, then by name; `web.10` after `web.9`; the newest release first. */
function byNameInRelease(a: ProcessDocument, b: ProcessDocument): number {
  return (
    Number(b.type === 'web') - Number(a.type === 'web') ||
    a.type.localeCompare(b.type) ||
    b.release - a.release ||
    a.name.localeCompare(b.name, 'en', { numeric: true })
  )
}
