import { AppError } from '../core/errors.ts'
import { readImage, type Image } from '../core/release.ts'
import { isFinal, runStates, serves } from '../core/states.ts'
import { type Connection, columnsOf, literals, next } from './connection.ts'
import { fromRelease, toRelease } from './rows.ts'
import type { Store } from './store.ts'

type ReleaseStore = Pick<
  Store,
  'insertRelease' | 'findRelease' | 'listReleases' | 'servingRelease' | 'findImage' | 'saveImage'
>

export function releaseStore({ db, batch }: Connection): ReleaseStore {
  const releases = db.selectFrom('releases').selectAll('releases')
  const of = (key: { readonly app: string; readonly environment: string }) =>
    releases.where('releases.app', '=', key.app).where('releases.environment', '=', key.environment)

  return {
    async insertRelease(release) {
      const number = db
        .selectFrom('releases as earlier')
        .where('earlier.app', '=', release.app)
        .where('earlier.environment', '=', release.environment)
        .select(next('earlier.number'))
        .as('number')
      const row = fromRelease(release)
      const [, found, run] = await batch(
        db
          .insertInto('releases')
          .columns([...columnsOf(row), 'number'])
          .expression(
            db
              .selectFrom('runs')
              .where('id', '=', release.run)
              .where('app', '=', release.app)
              .where('environment', '=', release.environment)
              .where('state', 'not in', runStates.filter(isFinal))
              .select([...literals(row), number]),
          )
          .onConflict(c => c.column('run').doNothing()),
        releases.where('run', '=', release.run),
        db.selectFrom('runs').select(['state', 'reason']).where('id', '=', release.run),
      )
      if (found[0]) return toRelease(found[0])
      if (!run[0]) throw new AppError('not-found', `there is no run ${release.run}`)
      throw new AppError('conflict', `run ${release.run} is ${run[0].state} and makes no release: ${run[0].reason}`)
    },

    async findRelease(key, number) {
      const [rows] = await batch(of(key).where('releases.number', '=', number))
      return rows[0] ? toRelease(rows[0]) : null
    },

    async listReleases(key, limit) {
      const [rows] = await batch(of(key).orderBy('releases.number', 'desc').limit(limit))
      return rows.map(toRelease)
    },

    async servingRelease(key) {
      const [rows] = await batch(
        of(key)
          .innerJoin('runs', 'runs.id', 'releases.run')
          .where('runs.state', 'in', runStates.filter(serves))
          .orderBy('releases.number', 'desc')
          .limit(1),
      )
      return rows[0] ? toRelease(rows[0]) : null
    },

    async findImage(app, buildKey) {
      const [rows] = await batch(
        db.selectFrom('images').select('image').where('app', '=', app).where('build_key', '=', buildKey),
      )
      return rows[0] ? readImage(JSON.parse(rows[0].image) as Image) : null
    },

    async saveImage(app, image, now) {
      const columns = { image: JSON.stringify(image), saved_at: now }
      await batch(
        db
          .insertInto('images')
          .values({ app, build_key: image.buildKey, ...columns })
          // Built again because the registry had lost it: the newer one is there.
          .onConflict(c => c.columns(['app', 'build_key']).doUpdateSet(columns)),
      )
    },
  }
}
