import { type Compilable } from 'kysely'
import { type Connection, integer } from './connection.ts'
import { sealConfig } from './config.ts'
import type { Sealer } from './seal.ts'
import type { RestoredEnvironment, RestoredRun, Store } from './store.ts'

/** Rows from outside, in one batch. Each statement leaves a row that is there as it is. */
export function restoringStore({ db, batch }: Connection, sealer: Sealer): Pick<Store, 'restore'> {
  return {
    async restore(apps) {
      await batch(
        ...apps.flatMap(({ app: { app, createdAt, createdBy, destroyedAt }, environments }) => [
          db
            .insertInto('apps')
            .values({ app, created_at: createdAt, created_by: createdBy, destroyed_at: destroyedAt })
            .onConflict(c => c.doNothing()),
          ...environments.flatMap(environmentRows),
        ]),
      )
    },
  }

  function environmentRows(home: RestoredEnvironment): Compilable<unknown>[] {
    const { app, environment, branch, config, runs } = home
    return [
      db
        .insertInto('environments')
        .values({ app, environment, branch })
        .onConflict(c => c.doNothing()),
      ...config.map(({ version, values, by, at }) =>
        db
          .insertInto('config_versions')
          .values({
            app,
            environment,
            version,
            sealed: sealConfig(sealer, home, { version, values }),
            created_by: by,
            created_at: at,
          })
          .onConflict(c => c.doNothing()),
      ),
      ...runs.flatMap(runRows),
    ]
  }

  function runRows({ run, release, steps }: RestoredRun): Compilable<unknown>[] {
    const { app, environment } = run
    const place = db
      .selectFrom('runs')
      .select(eb => eb(eb.fn.coalesce(eb.fn.max('place'), integer(0)), '+', integer(1)).as('next'))
    return [
      db
        .insertInto('runs')
        .values({
          id: run.id,
          place,
          app,
          environment,
          intent: JSON.stringify(run.intent),
          state: run.state,
          reason: run.reason,
          details: JSON.stringify(run.details),
          created_by: run.by,
          created_at: run.createdAt,
          changed_at: run.changedAt,
          release_phase_started: run.releasePhaseStarted ? 1 : 0,
        })
        .onConflict(c => c.column('id').doNothing()),
      ...Object.entries(steps).map(([step, result]) =>
        db
          .insertInto('run_steps')
          .values({ run: run.id, step, result: JSON.stringify(result ?? null) })
          .onConflict(c => c.doNothing()),
      ),
      db
        .insertInto('releases')
        .values({
          app,
          environment,
          number: release.number,
          run: run.id,
          image: JSON.stringify(release.image),
          commit_id: release.commit,
          author: release.author,
          config: release.config,
          formation: JSON.stringify(release.formation),
          verdict: JSON.stringify(release.verdict),
          description: release.description,
          created_by: release.by,
          created_at: release.createdAt,
        })
        .onConflict(c => c.doNothing()),
      db
        .insertInto('images')
        .values({
          app,
          build_key: release.image.buildKey,
          image: JSON.stringify(release.image),
          saved_at: release.createdAt,
        })
        .onConflict(c => c.doNothing()),
    ]
  }
}
