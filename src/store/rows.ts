import type { Selectable } from 'kysely'
import type { AppName, BranchName, CommitId, EnvironmentKey, EnvironmentName, RunId } from '../core/names.ts'
import type { Image, Release, Verdict } from '../core/release.ts'
import type { Run, RunIntent } from '../core/run.ts'
import type { RunState } from '../core/states.ts'
import type { AppRow, EnvironmentRow } from './store.ts'
import type { ReleaseColumns, RunColumns, Tables } from './tables.ts'

/**
 * Rows to nouns. What lies in the store was parsed when it came in, so names are taken as they are; PostgreSQL gives
 * 64-bit numbers as text, so numbers are made numbers.
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

export function toRelease(row: ReleaseColumns): Release {
  return {
    ...toEnvironmentKey(row),
    number: Number(row.number),
    run: row.run as RunId,
    image: JSON.parse(row.image) as Image,
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
