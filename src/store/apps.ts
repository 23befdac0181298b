import { AppError } from '../core/errors.ts'
import { production } from '../core/names.ts'
import type { Connection } from './connection.ts'
import { toApp, toEnvironment } from './rows.ts'
import type { Store } from './store.ts'

type AppStore = Pick<
  Store,
  | 'createApp'
  | 'listApps'
  | 'findApp'
  | 'markAppDestroyed'
  | 'removeApp'
  | 'findEnvironment'
  | 'environmentOfBranch'
  | 'listEnvironments'
>

export function appStore({ db, batch }: Connection): AppStore {
  const apps = db.selectFrom('apps').selectAll()
  const environments = db.selectFrom('environments').selectAll()
  return {
    async createApp(app, by, now) {
      // Where the app was there before, the two lines after the first find their rows there too, and change nothing.
      const [created] = await batch(
        db
          .insertInto('apps')
          .values({ app, created_at: now, created_by: by, destroyed_at: null })
          .onConflict(c => c.doNothing())
          .returningAll(),
        db
          .insertInto('environments')
          .values({ app, environment: production, branch: 'main' })
          .onConflict(c => c.doNothing()),
        db
          .insertInto('config_versions')
          .values({ app, environment: production, version: 1, sealed: '{}', created_by: by, created_at: now })
          .onConflict(c => c.doNothing()),
      )
      if (created[0]) return toApp(created[0])
      throw new AppError('already-exists', `the name ${app} is taken`, { hint: 'Choose another name for the app.' })
    },

    async listApps() {
      const [rows] = await batch(apps.orderBy('app'))
      return rows.map(toApp)
    },

    async findApp(app) {
      const [rows] = await batch(apps.where('app', '=', app))
      return rows[0] ? toApp(rows[0]) : null
    },

    async markAppDestroyed(app, now) {
      const [, found] = await batch(
        db.updateTable('apps').set({ destroyed_at: now }).where('app', '=', app).where('destroyed_at', 'is', null),
        apps.where('app', '=', app),
      )
      if (!found[0]) throw new AppError('not-found', `there is no app ${app}`)
    },

    async removeApp(app) {
      const [, left] = await batch(
        db.deleteFrom('apps').where('app', '=', app).where('destroyed_at', 'is not', null),
        apps.where('app', '=', app),
      )
      if (left[0]) throw new AppError('conflict', `${app} is not marked as destroyed: its rows stay`)
    },

    async findEnvironment({ app, environment }) {
      const [rows] = await batch(environments.where('app', '=', app).where('environment', '=', environment))
      return rows[0] ? toEnvironment(rows[0]) : null
    },

    async environmentOfBranch(app, branch) {
      const [rows] = await batch(environments.where('app', '=', app).where('branch', '=', branch))
      return rows[0] ? toEnvironment(rows[0]) : null
    },

    async listEnvironments() {
      const [rows] = await batch(environments.orderBy('app').orderBy('environment'))
      return rows.map(toEnvironment)
    },
  }
}
