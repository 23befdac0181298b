import type { Selectable } from 'kysely'
import type { AppName, BranchName, CommitId, EnvironmentKey, EnvironmentName, RunId } from '../core/names.ts'
import { readImage, type Image, type Release, type Verdict } from '../core/release.ts'
import type { Run, RunIntent } from '../core/run.ts'
import type { RunState } from '../core/states.ts'
import type { AppRow, EnvironmentRow } from './store.ts'
import type { ReleaseColumns, RunColumns, Tables } from './tables.ts'

/**
 * Rows to nouns, and back. What lies in the store was parsed when it came in, so names are taken as they are;
 * PostgreSQL gives 64-bit numbers as text, so numbers are made numbers.
 */
export function toApp(row: Selectable<Tables['apps']>): AppRow {
  return {
    app: row.app as AppName,
    createdAt: Number(row.created_at),
    createdBy: row.created_by,
    destroyedAt: row.destroyed_at === null ? null : Number(row.destroyed_at),
  }
}

export function toEnvironmentKey(row: { readonly app: string; readonly environment: string }): EnvironmentKey {
  return { app: row.app as AppName, environment: row.environment as EnvironmentName }
}

export function toEnvironment(row: Selectable<Tables['environments']>): EnvironmentRow {
  return { ...toEnvironmentKey(row), branch: row.branch as BranchName }
}

export function toRun(row: RunColumns & { readonly release: number | null }): Run {
  return {
    id: row.id as RunId,
    ...toEnvironmentKey(row),
    intent: JSON.parse(row.intent) as RunIntent,
    state: row.state as RunState,
    reason: row.reason,
    details: JSON.parse(row.details) as string[],
    by: row.created_by,
    createdAt: Number(row.created_at),
    changedAt: Number(row.changed_at),
    releasePhaseStarted: Number(row.release_phase_started) === 1,
    release: row.release === null ? null : Number(row.release),
  }
}

/** Without its place, which is the database's to give; its release is a row of its own. */
export function fromRun(run: Run): Omit<RunColumns, 'place'> {
  return {
    id: run.id,
    app: run.app,
    environment: run.environment,
    intent: JSON.stringify(run.intent),
    state: run.state,
    reason: run.reason,
    details: JSON.stringify(run.details),
    created_by: run.by,
    created_at: run.createdAt,
    changed_at: run.changedAt,
    release_phase_started: run.releasePhaseStarted ? 1 : 0,
  }
}

export function toRelease(row: ReleaseColumns): Release {
  return {
    ...toEnvironmentKey(row),
    number: Number(row.number),
    run: row.run as RunId,
    image: readImage(JSON.parse(row.image) as Image),
    commit: row.commit_id as CommitId | null,
    author: row.author,
    config: Number(row.config),
    formation: JSON.parse(row.formation) as Record<string, number>,
    verdict: JSON.parse(row.verdict) as Verdict,
    description: row.description,
    by: row.created_by,
    createdAt: Number(row.created_at),
  }
}

/** Without its number: the database gives it, or the cluster said it. */
export function fromRelease(release: Omit<Release, 'number'>): Omit<ReleaseColumns, 'number'> {
  return {
    app: release.app,
    environment: release.environment,
    run: release.run,
    image: JSON.stringify(release.image),
    commit_id: release.commit,
    author: release.author,
    config: release.config,
    formation: JSON.stringify(release.formation),
    verdict: JSON.stringify(release.verdict),
    description: release.description,
    created_by: release.by,
    created_at: release.createdAt,
  }
}
