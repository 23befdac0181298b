import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { DomainName } from '../core/names.ts'
import { type Connection, columnsOf, literals } from './connection.ts'
import { toEnvironmentKey } from './rows.ts'
import type { DomainRow, OrderRow, Store } from './store.ts'
import type { Tables } from './tables.ts'

type DomainStore = Pick<
  Store,
  'addDomain' | 'listDomains' | 'removeDomain' | 'listOrders' | 'saveOrder' | 'removeOrder' | 'hurryOrder'
>

export function domainStore({ db, batch }: Connection): DomainStore {
  const named = (name: DomainName) => db.selectFrom('domains').selectAll().where('name', '=', name)
  return {
    async addDomain({ name, app, environment, by, at }) {
      const row = { name, app, environment, created_by: by, created_at: at }
      const ofLiving = db
        .selectFrom('environments')
        .innerJoin('apps', 'apps.app', 'environments.app')
        .where('environments.app', '=', app)
        .where('environments.environment', '=', environment)
        .where('apps.destroyed_at', 'is', null)
      const [, found, apps] = await batch(
        db
          .insertInto('domains')
          .columns(columnsOf(row))
          .expression(ofLiving.select(literals(row)))
          .onConflict(c => c.column('name').doNothing()),
        named(name),
        db
          .selectFrom('environments')
          .innerJoin('apps', 'apps.app', 'environments.app')
          .select('apps.destroyed_at')
          .where('environments.app', '=', app)
          .where('environments.environment', '=', environment),
      )
      if (!apps[0]) throw new AppError('not-found', `there is no environment ${environmentId({ app, environment })}`)
      if (apps[0].destroyed_at !== null) throw new AppError('conflict', `${app} is being destroyed`)
      const owner = found[0] && toDomain(found[0])
      if (owner?.app === app && owner.environment === environment) return owner
      throw new AppError('already-exists', `${name} belongs to ${owner ? environmentId(owner) : 'another app'}`, {
        hint: owner ? `Take it from there first: lading domains rm ${name} --app ${owner.app}` : 'Try again.',
      })
    },

    async listDomains() {
      const [rows] = await batch(db.selectFrom('domains').selectAll().orderBy('name'))
      return rows.map(toDomain)
    },

    async removeDomain(key, name) {
      const [removed] = await batch(
        db
          .deleteFrom('domains')
          .where('name', '=', name)
          .where('app', '=', key.app)
          .where('environment', '=', key.environment)
          .returning('name'),
      )
      if (removed[0]) return
      throw new AppError('not-found', `${environmentId(key)} has no domain ${name}`, {
        hint: '"lading domains ls" lists them.',
      })
    },

    async listOrders() {
      const [rows] = await batch(db.selectFrom('orders').selectAll().orderBy('name'))
      return rows.map(toOrder)
    },

    async saveOrder({ name, state, reason, attempts, nextAt, changedAt }) {
      const facts = { state, reason, attempts, next_at: nextAt, changed_at: changedAt }
      await batch(
        db
          .insertInto('orders')
          .values({ name, ...facts })
          .onConflict(c => c.column('name').doUpdateSet(facts)),
      )
    },

    async removeOrder(name) {
      await batch(db.deleteFrom('orders').where('name', '=', name))
    },

    async hurryOrder(name, now) {
      await batch(db.updateTable('orders').set({ next_at: now }).where('name', '=', name).where('state', '=', 'added'))
    },
  }
}

function toDomain(row: Tables['domains']): DomainRow {
  return {
    ...toEnvironmentKey(row),
    name: row.name as DomainName,
    by: row.created_by,
    at: Number(row.created_at),
  }
}

function toOrder(row: Tables['orders']): OrderRow {
  return {
    name: row.name as DomainName,
    state: row.state as OrderRow['state'],
    reason: row.reason,
    attempts: Number(row.attempts),
    nextAt: Number(row.next_at),
    changedAt: Number(row.changed_at),
  }
}
