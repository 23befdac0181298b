import { Secret } from '../core/secret.ts'
import type { Connection } from './connection.ts'
import type { Sealer } from './seal.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

export function settingStore({ db, batch }: Connection, sealer: Sealer): Pick<Store, 'readSettings' | 'writeSetting'> {
  const settings = db.selectFrom('settings').selectAll()
  return {
    async readSettings() {
      const [rows] = await batch(settings.orderBy('name'))
      return Object.fromEntries(rows.map(row => [row.name, openSetting(sealer, row)]))
    },

    async writeSetting(name, value) {
      if (value === null) {
        await batch(db.deleteFrom('settings').where('name', '=', name))
        return
      }
      const sealed = sealer.seal(context(name), new Secret(value))
      await batch(
        db
          .insertInto('settings')
          .values({ name, sealed })
          .onConflict(c => c.column('name').doUpdateSet({ sealed })),
      )
    },
  }
}

/** Rejects `internal` when the data key is another one. */
export function openSetting(sealer: Sealer, { name, sealed }: Tables['settings']): string {
  return sealer.open(context(name), sealed).reveal()
}

/** A value moved to another name does not open. */
function context(name: string): string {
  return `setting/${name}`
}
