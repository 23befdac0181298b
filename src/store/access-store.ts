import type { AppName, EnvironmentKey, EnvironmentName } from '../core/names.ts'
import { AppError } from '../core/errors.ts'
import type { Connection } from './connection.ts'

/** Who is known and what they may. Written by `Accounts` alone (src/access/accounts.ts), which holds it in memory. */
export interface AccessStore {
  /** All of it, as it is at one moment; by name. */
  readAccess(): Promise<{ readonly members: readonly MemberRow[]; readonly tokens: readonly TokenRow[] }>
  /** Makes the member where there is none, and adds the role; both once more are no change. Roles on an app go with it. */
  saveGrant(grant: GrantRow & { readonly by: string; readonly at: number }): Promise<void>
  /** No error when there is none. The member stays. */
  removeGrant(grant: GrantRow): Promise<void>
  /** With roles and tokens. No error when there is none. */
  removeMember(name: string): Promise<void>
  /** `already-exists` when its holder has one of this name. Goes with its member, or its environment. */
  addToken(token: TokenRow): Promise<void>
  /** No error when there is none. */
  removeToken(id: string): Promise<void>
  touchToken(id: string, at: number): Promise<void>
}

export interface GrantRow {
  readonly member: string
  readonly role: string
  /** Null: the whole platform. */
  readonly app: AppName | null
}

export interface MemberRow {
  readonly name: string
  readonly by: string
  readonly at: number
  readonly grants: readonly Pick<GrantRow, 'role' | 'app'>[]
}

export interface TokenRow {
  readonly id: string
  readonly name: string
  /** SHA-256, hex; the token itself is nowhere. */
  readonly hash: string
  /** A member, or an environment: then it is a robot's. */
  readonly holder: string | EnvironmentKey
  readonly by: string
  readonly at: number
  /** Null: never. */
  readonly expiresAt: number | null
  /** To the minute; null: never. */
  readonly usedAt: number | null
}

export function accessStore({ db, batch }: Connection): AccessStore {
  return {
    async readAccess() {
      const [members, grants, tokens] = await batch(
        db.selectFrom('members').selectAll().orderBy('name'),
        db.selectFrom('grants').selectAll().orderBy('member').orderBy('scope').orderBy('role'),
        db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id'),
      )
      return {
        members: members.map(({ name, created_by, created_at }) => ({
          name,
          by: created_by,
          at: Number(created_at),
          grants: grants
            .filter(grant => grant.member === name)
            .map(({ role, app }) => ({ role, app: app as AppName | null })),
        })),
        tokens: tokens.map(row => ({
          id: row.id,
          name: row.name,
          hash: row.hash,
          holder: row.member ?? { app: row.app as AppName, environment: row.environment as EnvironmentName },
          by: row.created_by,
          at: Number(row.created_at),
          expiresAt: row.expires_at === null ? null : Number(row.expires_at),
          usedAt: row.used_at === null ? null : Number(row.used_at),
        })),
      }
    },

    async saveGrant({ member, role, app, by, at }) {
      await batch(
        db
          .insertInto('members')
          .values({ name: member, created_by: by, created_at: at })
          .onConflict(c => c.column('name').doNothing()),
        db
          .insertInto('grants')
          .values({ member, role, app, scope: app ?? '' })
          .onConflict(c => c.columns(['member', 'role', 'scope']).doNothing()),
      )
    },

    async removeGrant({ member, role, app }) {
      await batch(
        db
          .deleteFrom('grants')
          .where('member', '=', member)
          .where('role', '=', role)
          .where('scope', '=', app ?? ''),
      )
    },

    async removeMember(name) {
      await batch(db.deleteFrom('members').where('name', '=', name))
    },

    async addToken({ id, name, hash, holder, by, at, expiresAt, usedAt }) {
      const isMember = typeof holder === 'string'
      const { app, environment } = isMember ? { app: null, environment: null } : holder
      const [added] = await batch(
        db
          .insertInto('tokens')
          .values({
            id,
            name,
            hash,
            holder: isMember ? holder : `${app}/${environment}`,
            member: isMember ? holder : null,
            app,
            environment,
            created_by: by,
            created_at: at,
            expires_at: expiresAt,
            used_at: usedAt,
          })
          .onConflict(c => c.doNothing())
          .returning('id'),
      )
      if (added[0]) return
      throw new AppError('already-exists', `there is a token ${name} already`, {
        hint: 'Choose another name, or take that one back: lading tokens revoke',
      })
    },

    async removeToken(id) {
      await batch(db.deleteFrom('tokens').where('id', '=', id))
    },

    async touchToken(id, at) {
      await batch(db.updateTable('tokens').set({ used_at: at }).where('id', '=', id))
    },
  }
}
