import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readTrial, trialFile } from '../../cluster/trial.ts'
import { AppError, asAppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { isMigratedSince, putBack, tryMigrations } from '../../store/snapshot.ts'
import { lastServiceLines } from '../platform/container-log.ts'
import { askSocket } from '../swarm/engine-call.ts'
import { isMissing } from '../../lib/files.ts'
import { knowsHost } from '../platform/hello.ts'
import { listKeepers } from '../platform/keeper.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { paths } from '../paths.ts'
import {
  convergeTo,
  environmentOf,
  findService,
  isUp,
  stopService,
  type ServiceSpec,
} from '../platform/platform-service.ts'
import type { StepProgress } from '../steps/progress.ts'
import { specLabel } from '../platform/services.ts'
import type { Site } from '../steps/site.ts'
import { runSteps, type Step } from '../steps/steps.ts'
import { loadRecord, saveRecord, type UpgradeRecord } from './upgrade-record.ts'
import { waitFor } from '../steps/waiting.ts'

const control = 'lading-control'
const registry = 'lading-registry'
const snapshotsKept = 2

/**
 * What is to be done before a new control plane takes the place of another: null where there is none, or where it is made
 * from the same image. An upgrade that was killed is carried on; one to another version than this is taken back first.
 */
export async function beginUpgrade(
  site: Site,
  progress: StepProgress,
  signal: AbortSignal,
): Promise<UpgradeRecord | null> {
  const to = site.decisions.images['control']?.id ?? ''
  const unfinished = await loadRecord()
  if (unfinished?.state === 'forward' && unfinished.to === to) return unfinished
  if (unfinished?.state === 'forward') await goBack(unfinished, 'another version was wanted', progress, signal)
  const present = await findService(control, signal)
  if (present === null || present.image === to) return null
  await runSteps([migrationStep(), recordStep(to)], progress, signal)
  return loadRecord()
}

/** What `doctor` says of the last upgrade. */
export async function checkUpgrade(): Promise<string | Obstacle[]> {
  const record = await loadRecord()
  if (record === null) return 'none so far'
  const { state, from, reason } = record
  if (state === 'done') return `from ${from.version}, done`
  if (state === 'returned') return `went back to ${from.version}: ${reason}`
  const way = state === 'forward' ? 'was not finished' : 'has not ended its way back'
  return [{ what: `the one from ${from.version} ${way}`, next: 'lading up' }]
}

/** One that was killed is carried on, whatever is wrong with what it left. */
export async function isUpgradeUnfinished(): Promise<boolean> {
  const state = (await loadRecord())?.state
  return state !== undefined && state !== 'done' && state !== 'returned'
}

/** The way back of an earlier run that was killed on it. To be called before anything else is changed. */
export async function endWayBack(progress: StepProgress, signal: AbortSignal): Promise<void> {
  const record = await loadRecord()
  if (record?.state === 'back' || record?.state === 'putting-back')
    await goBack(record, record.reason ?? '', progress, signal)
}

/**
 * Runs the steps that put the new version in place of the old one. When one fails, the old version is put back, unless the
 * new control plane has proven itself by then; a signal leaves all as it is, for the next run. Rejects either way.
 */
export async function withWayBack(
  record: UpgradeRecord | null,
  steps: readonly Step[],
  progress: StepProgress,
  signal: AbortSignal,
): Promise<void> {
  try {
    await runSteps(steps, progress, signal)
  } catch (thrown) {
    if (record === null || signal.aborted || (await hasProven(record, signal))) throw thrown
    const { code, message, details } = asAppError(thrown)
    await goBack(record, message, progress, signal)
    throw new AppError(code, `the new version did not come up, and the one before it serves again: ${message}`, {
      details,
      hint: 'Apps went on, and no row is lost. For a bug report: lading doctor --bundle FILE. To try again: lading upgrade',
      cause: thrown,
    })
  }
  if (record !== null) await saveRecord({ ...record, state: 'done' })
  await pruneSnapshots()
}

/** Tried on a copy: one that fails is met before anything has changed. */
function migrationStep(): Step {
  let done: string | null = null
  return {
    title: 'store, on a copy',
    check: () => Promise.resolve(done),
    act: async () => {
      const names = await tryMigrations(paths.database).catch(refuseMigration)
      done = names.length === 0 ? 'its schema stays as it is' : `can be brought up to date: ${names.join(', ')}`
    },
  }
}

function refuseMigration(thrown: unknown): never {
  const { code, message, cause } = asAppError(thrown)
  const details = cause instanceof Error ? [cause.message] : []
  throw new AppError(code, `${message}; nothing was changed, and the version that is installed goes on`, {
    details,
    hint: 'Stay with that version, and report this with: lading doctor --bundle FILE',
    cause: thrown,
  })
}

/** From here on there is a way back. */
function recordStep(to: string): Step {
  const isThere = (record: UpgradeRecord | null) => record?.state === 'forward' && record.to === to
  return {
    title: 'way back',
    check: async () => {
      const record = await loadRecord()
      return isThere(record) ? `to ${record?.from.version}, ${paths.upgrade}` : null
    },
    act: async (_say, signal) => {
      const [before, images] = [await findService(control, signal), await findService(registry, signal)]
      if (before === null || images === null)
        throw new AppError('not-found', 'a service of the platform is gone', { hint: 'Run: lading up' })
      const version = environmentOf(before.spec, 'LADING_VERSION') ?? '0.0.0'
      const builder = environmentOf(before.spec, 'LADING_IMAGE_BUILDER')
      const keepers = (await listKeepers(signal)).map(({ image }) => image)
      await saveRecord({
        version: 1,
        state: 'forward',
        to,
        from: {
          version,
          control: before.spec,
          registry: images.spec,
          images: [...new Set([before.image, images.image, ...keepers, ...(builder === null ? [] : [builder])])],
        },
        snapshot: join(paths.snapshots, `${version}-${compactTime(systemClock.now())}.db`),
        reason: null,
      })
    },
  }
}

/** `20261125T210312Z` */
function compactTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '')
}

async function hasProven({ to }: UpgradeRecord, signal: AbortSignal): Promise<boolean> {
  const present = await findService(control, signal)
  return present?.image === to && (await readTrial(paths.control, present.release)) === null
}

async function goBack(
  record: UpgradeRecord,
  reason: string,
  progress: StepProgress,
  signal: AbortSignal,
): Promise<void> {
  await runSteps([wayBackStep(record, reason)], progress, signal)
}

function wayBackStep(record: UpgradeRecord, reason: string): Step {
  return {
    title: `back to ${record.from.version}`,
    check: async () => ((await loadRecord())?.state === 'returned' ? 'it serves again' : null),
    act: async (say, signal) => {
      const back = { ...record, state: record.state === 'putting-back' ? record.state : ('back' as const), reason }
      await saveRecord(back)
      if (!(await isAsBefore(control, record.from.control, signal))) {
        say('the new control plane ends')
        await stopService(control, signal)
        await putStoreBack(back, say)
        await rm(trialFile(paths.control), { force: true })
        await convergeTo(control, record.from.control, signal)
      }
      if (!(await isAsBefore(registry, record.from.registry, signal)))
        await convergeTo(registry, record.from.registry, signal)
      say('waiting for the one before')
      await serving(`lading.${environmentOf(record.from.control, 'LADING_BASE_DOMAIN')}`, signal)
      await pruneSnapshots()
      await saveRecord({ ...back, state: 'returned' })
    },
  }
}

/** Only where the new version has touched its schema: all else that it wrote, the old one can read. */
async function putStoreBack(record: UpgradeRecord, say: (line: string) => void): Promise<void> {
  if (record.state !== 'putting-back') {
    if (!(await isMigratedSince(record.snapshot, paths.database))) return
    await saveRecord({ ...record, state: 'putting-back' })
  }
  say('the store as it was')
  await putBack(record.snapshot, paths.database)
}

async function isAsBefore(name: string, before: ServiceSpec, signal: AbortSignal): Promise<boolean> {
  const present = await findService(name, signal)
  return present?.key === before.Labels?.[specLabel] && present?.spec.Mode?.Replicated?.Replicas !== 0
}

/** Also at the edge: a push that comes now goes through. */
async function serving(host: string, signal: AbortSignal): Promise<void> {
  const ask = async () => {
    for (const name of [registry, control]) {
      const present = await findService(name, signal)
      if (present === null || !(await isUp(name, present.release, signal))) return null
    }
    if ((await askSocket(paths.registrySocket, '/v2/', signal)) === null) return null
    if ((await askSocket(paths.controlSocket, '/v1/healthz', signal)) === null) return null
    return (await knowsHost(host, signal)) ? true : null
  }
  const hint = `See: docker service ps --no-trunc ${control}; then run "lading up" again: it ends the way back first.`
  const details = () => lastServiceLines(control, signal)
  const what = { title: 'the version before does not answer', seconds: 120, hint, details }
  await waitFor(what, ask, { clock: systemClock, signal })
}

/** The names end with the time. */
async function pruneSnapshots(): Promise<void> {
  const names = await readdir(paths.snapshots).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  const timeOf = (name: string) => /\d{8}T\d{6}Z/.exec(name)?.[0] ?? ''
  const sorted = names.toSorted((a, b) => timeOf(a).localeCompare(timeOf(b)))
  for (const name of sorted.slice(0, -snapshotsKept)) await rm(join(paths.snapshots, name), { force: true })
}
