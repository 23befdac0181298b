import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { EnvironmentKey } from '../core/names.ts'
import { type Connection, columnsOf, literals } from './connection.ts'
import { toEnvironmentKey } from './rows.ts'
import type { Sealer } from './seal.ts'
import { openSetting } from './settings.ts'
import type { ConfigVersion, Store } from './store.ts'
import type { ConfigColumns } from './tables.ts'

type ConfigStore = Pick<Store, 'readConfig' | 'writeConfig'>

/** One row a version; its values are sealed one by one, each for this environment, this version and this key. */
export function configStore({ db, batch }: Connection, sealer: Sealer): ConfigStore {
  const versions = (key: EnvironmentKey) =>
    db
      .selectFrom('config_versions')
      .selectAll()
      .where('app', '=', key.app)
      .where('environment', '=', key.environment)
      .orderBy('version', 'desc')
      .limit(1)

  return {
    async readConfig(key, version) {
      const [rows] = await batch(version === 0 ? versions(key) : versions(key).where('version', '=', version))
      if (rows[0]) return openConfig(sealer, rows[0])
      const what = version === 0 ? 'has no config' : `has no config version ${version}`
      throw new AppError('not-found', `${environmentId(key)} ${what}`)
    },

    async writeConfig(key, expected, values, by, now) {
      const next = { version: expected + 1, values, by, at: now }
      const row = configRow(sealer, key, next)
      const [written, newest] = await batch(
        db
          .insertInto('config_versions')
          .columns(columnsOf(row))
          .expression(
            db
              .selectFrom('config_versions')
              .where('app', '=', key.app)
              .where('environment', '=', key.environment)
              .where('version', '=', expected)
              .select(literals(row)),
          )
          .onConflict(c => c.columns(['app', 'environment', 'version']).doNothing())
          .returning('version'),
        versions(key),
      )
      if (written[0]) return next
      if (!newest[0]) throw new AppError('not-found', `${environmentId(key)} has no config`)
      throw new AppError('conflict', `the config of ${environmentId(key)} changed meanwhile`, {
        hint: `Look at it (version ${newest[0].version}, by ${newest[0].created_by}) and try again.`,
        retryable: true,
      })
    },
  }
}

export function configRow(
  sealer: Sealer,
  key: EnvironmentKey,
  { version, values, by, at }: ConfigVersion,
): ConfigColumns {
  const sealed = Object.entries(values).map(([name, value]) => [name, sealer.seal(context(key, version, name), value)])
  return {
    app: key.app,
    environment: key.environment,
    version,
    sealed: JSON.stringify(Object.fromEntries(sealed)),
    created_by: by,
    created_at: at,
  }
}

function openConfig(sealer: Sealer, row: ConfigColumns): ConfigVersion {
  const key = toEnvironmentKey(row)
  const version = Number(row.version)
  const sealed = Object.entries(JSON.parse(row.sealed) as Record<string, string>)
  const values = Object.fromEntries(
    sealed.map(([name, value]) => [name, sealer.open(context(key, version, name), value)]),
  )
  return { version, values, by: row.created_by, at: Number(row.created_at) }
}

/** What a sealed value belongs to: authenticated with it, and said in errors. */
function context(key: EnvironmentKey, version: number, name: string): string {
  return `config ${environmentId(key)} version ${version} ${name}`
}

/** Fails early, at start, when the store was written under another data key than the one given. */
export async function assertDataKey({ db, batch }: Connection, sealer: Sealer): Promise<void> {
  const [configs, settings] = await batch(
    db.selectFrom('config_versions').selectAll().where('sealed', '<>', '{}').orderBy('created_at', 'desc').limit(1),
    db.selectFrom('settings').selectAll().limit(1),
  )
  for (const row of configs) openConfig(sealer, row)
  for (const row of settings) openSetting(sealer, row)
}
