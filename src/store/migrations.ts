import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/**
 * The schema's history, run in the order of the names at start. A migration that was released is never edited: the
 * next one fixes it. Types are those that SQLite and PostgreSQL both know.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('apps')
        .addColumn('app', 'text', c => c.primaryKey())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('destroyed_at', 'bigint')
        .execute()
      await db.schema
        .createTable('environments')
        .addColumn('app', 'text', c => c.notNull().references('apps.app').onDelete('cascade'))
        .addColumn('environment', 'text', c => c.notNull())
        .addColumn('branch', 'text', c => c.notNull())
        .addPrimaryKeyConstraint('environments_key', ['app', 'environment'])
        // A branch is bound to at most one environment.
        .addUniqueConstraint('environments_branch', ['app', 'branch'])
        .execute()
      await db.schema
        .createTable('runs')
        .addColumn('id', 'text', c => c.primaryKey())
        .addColumn('place', 'bigint', c => c.notNull().unique())
        .addColumn('app', 'text', c => c.notNull())
        .addColumn('environment', 'text', c => c.notNull())
        .addColumn('intent', 'text', c => c.notNull())
        .addColumn('state', 'text', c => c.notNull())
        .addColumn('reason', 'text', c => c.notNull())
        .addColumn('details', 'text', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addColumn('changed_at', 'bigint', c => c.notNull())
        .addColumn('release_phase_started', 'integer', c => c.notNull().defaultTo(0))
        .addForeignKeyConstraint(
          'runs_environment',
          ['app', 'environment'],
          'environments',
          ['app', 'environment'],
          c => c.onDelete('cascade'),
        )
        .execute()
      await db.schema.createIndex('runs_of_environment').on('runs').columns(['app', 'environment', 'place']).execute()
      await db.schema.createIndex('runs_by_state').on('runs').columns(['state', 'place']).execute()
      await db.schema
        .createTable('run_steps')
        .addColumn('run', 'text', c => c.notNull().references('runs.id').onDelete('cascade'))
        .addColumn('step', 'text', c => c.notNull())
        .addColumn('result', 'text', c => c.notNull())
        .addPrimaryKeyConstraint('run_steps_key', ['run', 'step'])
        .execute()
      await db.schema
        .createTable('run_lines')
        .addColumn('run', 'text', c => c.notNull().references('runs.id').onDelete('cascade'))
        .addColumn('seq', 'bigint', c => c.notNull())
        .addColumn('at', 'bigint', c => c.notNull())
        .addColumn('text', 'text', c => c.notNull())
        .addPrimaryKeyConstraint('run_lines_key', ['run', 'seq'])
        .execute()
      await db.schema
        .createTable('releases')
        .addColumn('app', 'text', c => c.notNull())
        .addColumn('environment', 'text', c => c.notNull())
        .addColumn('number', 'bigint', c => c.notNull())
        // One run makes at most one release: entered again after a crash, it finds its own.
        .addColumn('run', 'text', c => c.notNull().unique().references('runs.id').onDelete('cascade'))
        .addColumn('image', 'text', c => c.notNull())
        .addColumn('commit_id', 'text')
        .addColumn('author', 'text', c => c.notNull())
        .addColumn('config', 'bigint', c => c.notNull())
        .addColumn('formation', 'text', c => c.notNull())
        .addColumn('verdict', 'text', c => c.notNull())
        .addColumn('description', 'text', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addPrimaryKeyConstraint('releases_key', ['app', 'environment', 'number'])
        .execute()
      await db.schema
        .createTable('config_versions')
        .addColumn('app', 'text', c => c.notNull())
        .addColumn('environment', 'text', c => c.notNull())
        .addColumn('version', 'bigint', c => c.notNull())
        .addColumn('sealed', 'text', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addPrimaryKeyConstraint('config_versions_key', ['app', 'environment', 'version'])
        .addForeignKeyConstraint(
          'config_versions_environment',
          ['app', 'environment'],
          'environments',
          ['app', 'environment'],
          c => c.onDelete('cascade'),
        )
        .execute()
      await db.schema
        .createTable('images')
        .addColumn('app', 'text', c => c.notNull().references('apps.app').onDelete('cascade'))
        .addColumn('build_key', 'text', c => c.notNull())
        .addColumn('image', 'text', c => c.notNull())
        .addColumn('saved_at', 'bigint', c => c.notNull())
        .addPrimaryKeyConstraint('images_key', ['app', 'build_key'])
        .execute()
    },
  },
  '0002-settings': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('settings')
        .addColumn('name', 'text', c => c.primaryKey())
        .addColumn('sealed', 'text', c => c.notNull())
        .execute()
    },
  },
  '0003-domains': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('domains')
        // In one environment or in none, over the whole platform.
        .addColumn('name', 'text', c => c.primaryKey())
        .addColumn('app', 'text', c => c.notNull())
        .addColumn('environment', 'text', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addForeignKeyConstraint(
          'domains_environment',
          ['app', 'environment'],
          'environments',
          ['app', 'environment'],
          c => c.onDelete('cascade'),
        )
        .execute()
      await db.schema
        .createTable('certificates')
        .addColumn('id', 'text', c => c.primaryKey())
        .addColumn('source', 'text', c => c.notNull())
        .addColumn('names', 'text', c => c.notNull())
        .addColumn('issuer', 'text', c => c.notNull())
        .addColumn('not_before', 'bigint', c => c.notNull())
        .addColumn('not_after', 'bigint', c => c.notNull())
        .addColumn('sealed', 'text', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .execute()
      await db.schema
        .createTable('orders')
        .addColumn('name', 'text', c => c.primaryKey())
        .addColumn('state', 'text', c => c.notNull())
        .addColumn('reason', 'text', c => c.notNull())
        .addColumn('attempts', 'bigint', c => c.notNull())
        .addColumn('next_at', 'bigint', c => c.notNull())
        .addColumn('changed_at', 'bigint', c => c.notNull())
        .execute()
      await db.schema
        .createTable('acme')
        // There is one account: one row, whose key is 1.
        .addColumn('id', 'integer', c => c.primaryKey())
        .addColumn('settings', 'text', c => c.notNull())
        .addColumn('sealed', 'text', c => c.notNull())
        .execute()
    },
  },
  '0004-access': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('members')
        .addColumn('name', 'text', c => c.primaryKey())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .execute()
      await db.schema
        .createTable('grants')
        .addColumn('member', 'text', c => c.notNull().references('members.name').onDelete('cascade'))
        .addColumn('role', 'text', c => c.notNull())
        .addColumn('app', 'text', c => c.references('apps.app').onDelete('cascade'))
        // The app, or nothing for the platform: a key holds no null.
        .addColumn('scope', 'text', c => c.notNull())
        .addPrimaryKeyConstraint('grants_key', ['member', 'role', 'scope'])
        .execute()
      await db.schema
        .createTable('tokens')
        .addColumn('id', 'text', c => c.primaryKey())
        .addColumn('name', 'text', c => c.notNull())
        .addColumn('hash', 'text', c => c.notNull().unique())
        // Of a member or of an environment; `holder` names either.
        .addColumn('holder', 'text', c => c.notNull())
        .addColumn('member', 'text', c => c.references('members.name').onDelete('cascade'))
        .addColumn('app', 'text')
        .addColumn('environment', 'text')
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addColumn('expires_at', 'bigint')
        .addColumn('used_at', 'bigint')
        .addUniqueConstraint('tokens_name', ['holder', 'name'])
        .addForeignKeyConstraint(
          'tokens_environment',
          ['app', 'environment'],
          'environments',
          ['app', 'environment'],
          c => c.onDelete('cascade'),
        )
        .execute()
    },
  },
  '0005-audit': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('audit')
        .addColumn('seq', 'bigint', c => c.primaryKey())
        .addColumn('at', 'bigint', c => c.notNull())
        .addColumn('who', 'text', c => c.notNull())
        .addColumn('credential', 'text', c => c.notNull())
        .addColumn('address', 'text', c => c.notNull())
        .addColumn('action', 'text', c => c.notNull())
        .addColumn('target', 'text', c => c.notNull())
        .addColumn('status', 'integer', c => c.notNull())
        .addColumn('note', 'text', c => c.notNull())
        .execute()
    },
  },
  '0006-services': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('services')
        .addColumn('id', 'text', c => c.primaryKey())
        // Not unique: the data of one that is destroyed lie here for a while.
        .addColumn('name', 'text', c => c.notNull())
        .addColumn('kind', 'text', c => c.notNull())
        .addColumn('origin', 'text', c => c.notNull())
        .addColumn('image', 'text', c => c.notNull())
        .addColumn('state', 'text', c => c.notNull())
        .addColumn('reason', 'text', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .addColumn('destroyed_at', 'bigint')
        .execute()
      await db.schema
        .createTable('attachments')
        .addColumn('id', 'text', c => c.primaryKey())
        .addColumn('service', 'text', c => c.notNull().references('services.id'))
        // No reference: credentials outlive their app until they are revoked.
        .addColumn('app', 'text', c => c.notNull())
        .addColumn('environment', 'text', c => c.notNull())
        .addColumn('app_since', 'bigint', c => c.notNull())
        .addColumn('variable', 'text', c => c.notNull())
        .addColumn('user_name', 'text', c => c.notNull())
        .addColumn('sealed', 'text', c => c.notNull())
        .addColumn('wanted', 'integer', c => c.notNull())
        .addColumn('created_by', 'text', c => c.notNull())
        .addColumn('created_at', 'bigint', c => c.notNull())
        .execute()
    },
  },
  '0007-verify': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('passed_steps')
        .addColumn('app', 'text', c => c.notNull().references('apps.app').onDelete('cascade'))
        .addColumn('step_key', 'text', c => c.notNull())
        .addColumn('step', 'text', c => c.notNull())
        .addColumn('passed_at', 'bigint', c => c.notNull())
        .addPrimaryKeyConstraint('passed_steps_key', ['app', 'step_key'])
        .execute()
    },
  },
}
