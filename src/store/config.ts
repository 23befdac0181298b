import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { EnvironmentKey } from '../core/names.ts'
import { type Connection, integer, text } from './connection.ts'
import { toEnvironmentKey } from './rows.ts'
import type { Sealer } from './seal.ts'
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
      const next = expected + 1
      const sealed = sealConfig(sealer, key, { version: next, values })
      const [written, newest] = await batch(
        db
          .insertInto('config_versions')
          .columns(['app', 'environment', 'version', 'sealed', 'created_by', 'created_at'])
          .expression(
            db
              .selectFrom('config_versions')
              .where('app', '=', key.app)
              .where('environment', '=', key.environment)
              .where('version', '=', expected)
              .select([
                'app',
                'environment',
                integer(next).as('version'),
                text(sealed).as('sealed'),
                text(by).as('created_by'),
                integer(now).as('created_at'),
              ]),
          )
          .onConflict(c => c.columns(['app', 'environment', 'version']).doNothing())
          .returning('version'),
        versions(key),
      )
      if (written[0]) return { version: next, values, by, at: now }
      if (!newest[0]) throw new AppError('not-found', `${environmentId(key)} has no config`)
      throw new AppError('conflict', `the config of ${environmentId(key)} changed meanwhile`, {
        hint: `Look at it (version ${newest[0].version}, by ${newest[0].created_by}) and try again.`,
        retryable: true,
      })
    },
  }
}

/** The column `sealed`. */
export function sealConfig(
  sealer: Sealer,
  key: EnvironmentKey,
  { version, values }: Pick<ConfigVersion, 'version' | 'values'>,
): string {
  const sealed = Object.entries(values).map(([name, value]) => [name, sealer.seal(context(key, version, name), value)])
  return JSON.stringify(Object.fromEntries(sealed))
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
  const [rows] = await batch(
    db.selectFrom('config_versions').selectAll().where('sealed', '<>', '{}').orderBy('created_at', 'desc').limit(1),
  )
  const [row] = rows
  if (!row) return
  openConfig(sealer, row)
}
