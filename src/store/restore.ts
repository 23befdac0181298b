import { type Compilable } from 'kysely'
import { type Connection, next } from './connection.ts'
import { configRow } from './config.ts'
import { fromRelease, fromRun } from './rows.ts'
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
    const { app, environment, branch, config, domains, runs } = home
    return [
      db
        .insertInto('environments')
        .values({ app, environment, branch })
        .onConflict(c => c.doNothing()),
      ...config.map(version =>
        db
          .insertInto('config_versions')
          .values(configRow(sealer, home, version))
          .onConflict(c => c.doNothing()),
      ),
      ...domains.map(name =>
        db
          .insertInto('domains')
          .values({ name, app, environment, created_by: 'unknown', created_at: 0 })
          .onConflict(c => c.doNothing()),
      ),
      ...runs.flatMap(runRows),
    ]
  }

  function runRows({ run, release, steps }: RestoredRun): Compilable<unknown>[] {
    return [
      db
        .insertInto('runs')
        .values({ ...fromRun(run), place: db.selectFrom('runs').select(next('place')) })
        .onConflict(c => c.column('id').doNothing()),
      ...Object.entries(steps).map(([step, result]) =>
        db
          .insertInto('run_steps')
          .values({ run: run.id, step, result: JSON.stringify(result ?? null) })
          .onConflict(c => c.doNothing()),
      ),
      db
        .insertInto('releases')
        .values({ ...fromRelease(release), number: release.number })
        .onConflict(c => c.doNothing()),
      db
        .insertInto('images')
        .values({
          app: release.app,
          build_key: release.image.buildKey,
          image: JSON.stringify(release.image),
          saved_at: release.createdAt,
        })
        .onConflict(c => c.doNothing()),
    ]
  }
}
