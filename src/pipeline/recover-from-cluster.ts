import { AppError, asAppError } from '../core/errors.ts'
import { environmentId, environmentOf, label, type Labels } from '../core/labels.ts'
import type { BranchName, CommitId, DomainName, EnvironmentKey } from '../core/names.ts'
import { persistently } from '../lib/async/retry.ts'
import type { ConfigView, ServiceView } from '../docker/engine.ts'
import type { EdgeState } from '../edge/edges.ts'
import { readDocument, type ReleaseDocument } from '../release/document.ts'
import { releasePhaseName } from '../rollout/spec.ts'
import type { RestoredApp, RestoredEnvironment } from '../store/store.ts'
import { moveOf, readBack, whyLeftAlone, type Traces } from './read-back.ts'
import type { Deps } from './deps.ts'

type RecoveryDeps = Pick<Deps, 'store' | 'engine' | 'edges' | 'repositories' | 'clock' | 'quiet' | 'log'> & {
  /** The inverse of `seal`; rejects when the key is another one, or the text does not belong to `context`. */
  readonly open: (sealed: Uint8Array, context: string) => string
  /** A name that the platform gives: no row of a domain was behind it. */
  readonly isOurs: (host: DomainName) => boolean
}

/**
 * A database without a single app beside a cluster that holds our releases has been lost: the rows of what runs are
 * read back from the releases' sealed documents, the swarm services and the edges (law: readable-from-the-cluster,
 * docs/design/store.md). To be called with the lease, before `Dispatcher.recover`, which then finds what it would find
 * after any start. Only reads, then one batch: killed anywhere, it begins again. Rejects when no document opens: then
 * the data key is another one.
 */
export async function recoverFromCluster(deps: RecoveryDeps, signal: AbortSignal): Promise<void> {
  const { store, clock, quiet, log } = deps
  if ((await store.listApps()).length > 0) return
  const patience = { clock, until: Infinity, signal }
  if ((await persistently(() => documentsIn(deps, signal), patience)).length === 0) return
  log('the database is empty and the cluster is not: reading back what runs', {})
  // What an earlier holder of the lease had under way would be missed, and then swept.
  await quiet(signal)
  const all = await persistently(() => findTraces(deps, signal), patience)
  const restored: RestoredEnvironment[] = []
  for (const traces of all) {
    const why = whyLeftAlone(traces)
    if (why === null) restored.push(await rowsOf(traces, deps, signal))
    else log('left alone: it runs on, and no command knows it', { environment: environmentId(traces), why })
  }
  await store.restore(byApp(restored))
  for (const environment of restored) log('read back from the cluster', logFields(environment))
  log('lost with the database: earlier releases and their runs, apps without a release, config not released yet', {})
}

async function rowsOf(
  traces: EnvironmentTraces,
  deps: RecoveryDeps,
  signal: AbortSignal,
): Promise<RestoredEnvironment> {
  const { repositories, clock } = deps
  // One that was lost too takes pushes again; one that is there is left as it is.
  await repositories.create(traces.app, signal)
  const heads = new Map<BranchName, CommitId | null>()
  for (const move of traces.documents.map(moveOf)) {
    if (move) heads.set(move.branch, await repositories.branch(traces.app, move.branch, signal))
  }
  return readBack({ ...traces, heads }, clock.now())
}

function byApp(environments: readonly RestoredEnvironment[]): readonly RestoredApp[] {
  return [...Map.groupBy(environments, one => one.app)].map(([app, own]) => ({
    app: {
      app,
      createdAt: Math.min(...own.flatMap(one => one.runs.map(({ release }) => release.createdAt))),
      createdBy: 'unknown',
      destroyedAt: null,
    },
    environments: own,
  }))
}

// ——— what is there

type EnvironmentTraces = Omit<Traces, 'heads'>

async function findTraces(deps: RecoveryDeps, signal: AbortSignal): Promise<readonly EnvironmentTraces[]> {
  const { engine, edges, isOurs } = deps
  const [configs, services, state, phases] = await Promise.all([
    documentsIn(deps, signal),
    engine.listServices({ [label.role]: 'process' }, signal),
    edges.state(signal),
    engine.listOneOffs({ [label.role]: 'release-phase' }, signal),
  ])
  const steady = new Map<string, boolean>()
  for (const service of services) steady.set(service.name, await isSteady(service, deps, signal))
  const documents = openAll(configs, deps)
  const keys = [...configs, ...services].map(one => environmentOf(one.labels))
  const homes = new Map(keys.map(key => [environmentId(key), key]))
  return [...homes.values()].map(key => tracesOf(key, { configs, services, steady, state, phases, documents, isOurs }))
}

interface Finds {
  readonly configs: readonly ConfigView[]
  readonly services: readonly ServiceView[]
  readonly steady: ReadonlyMap<string, boolean>
  readonly state: EdgeState
  readonly phases: readonly string[]
  readonly documents: readonly ReleaseDocument[]
  readonly isOurs: (host: DomainName) => boolean
}

function tracesOf(key: EnvironmentKey, finds: Finds): EnvironmentTraces {
  const isOwn = (one: EnvironmentKey) => environmentId(one) === environmentId(key)
  const isLabelled = (one: { readonly labels: Labels }) => isOwn(environmentOf(one.labels))
  const documents = finds.documents
    .filter(one => isOwn(one.release))
    .toSorted((a, b) => a.release.number - b.release.number)
  const services = finds.services.filter(isLabelled)
  const lanes = finds.state.lanes.filter(isOwn).map(lane => lane.release)
  const routed = finds.state.routes.find(isOwn)
  const route = routed?.release ?? null
  const labelled = [...finds.configs.filter(isLabelled), ...services].map(one => Number(one.labels[label.release]))
  const phases = documents.map(one => one.release.run).filter(run => finds.phases.includes(releasePhaseName(run)))
  return {
    ...key,
    documents,
    releases: new Set([...labelled, ...lanes, ...(route === null ? [] : [route])]),
    lanes,
    route,
    domains: (routed?.hosts ?? []).filter(host => !finds.isOurs(host)),
    services: new Map(services.map(({ name }) => [name, { isSteady: finds.steady.get(name) ?? false }])),
    phases: new Set(phases),
  }
}

function documentsIn({ engine }: RecoveryDeps, signal: AbortSignal): Promise<readonly ConfigView[]> {
  return engine.listConfigs({ [label.role]: 'snapshot' }, signal)
}

async function isSteady(
  { name, replicas }: ServiceView,
  { engine }: RecoveryDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const tasks = await engine.listTasks(name, signal)
  return (
    tasks.every(task => task.exitCode === null) && tasks.filter(task => task.state === 'running').length >= replicas
  )
}

/** One that is damaged is said and left out; when none opens, the key is the wrong one, and nothing may be written with it. */
function openAll(configs: readonly ConfigView[], { open, log }: RecoveryDeps): readonly ReleaseDocument[] {
  const documents: ReleaseDocument[] = []
  const failures: AppError[] = []
  for (const { name, data } of configs) {
    try {
      documents.push(readDocument(open(data, name)))
    } catch (error) {
      failures.push(asAppError(error))
      log('a release cannot be read back', { name, error: asAppError(error).message })
    }
  }
  const [first] = failures
  if (!first || documents.length > 0) return documents
  throw new AppError('conflict', `the database is empty, and no release can be read back: ${first.message}`, {
    hint: 'Write the recovery code that they were sealed with into /etc/lading/recovery-code (mode 0600), then run "lading up"; how to remove a wrong key first: docs/design/secrets.md.',
    cause: first,
  })
}

function logFields({ app, environment, runs }: RestoredEnvironment): Readonly<Record<string, unknown>> {
  return {
    environment: environmentId({ app, environment }),
    releases: runs.map(({ run }) => `v${run.release} ${run.state}`),
  }
}
