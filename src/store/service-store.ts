import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { ConfigKey, EnvironmentKey, ImageReference, ServiceName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import { type Connection, columnsOf, literals } from './connection.ts'
import { toEnvironmentKey } from './rows.ts'
import type { Sealer } from './seal.ts'
import type { Tables } from './tables.ts'

/** Backing services, and who is attached to them (docs/design/services.md). */
export interface ServiceStore {
  /** `already-exists` when one that is wanted has the name. Written by the API. */
  insertService(service: NewService): Promise<ServiceRow>
  /** By name; those that are destroyed too, for as long as their data lie here. */
  listServices(): Promise<readonly ServiceRow[]>
  /** From then on its process goes. `conflict` while a row of an attachment is there. Written by the API; the first time stays. */
  destroyService(id: string, now: number): Promise<void>
  /** What was reached. Written by the service reconciler alone. */
  noteService(id: string, facts: Partial<Pick<ServiceRow, 'state' | 'reason' | 'image'>>): Promise<void>
  /** No error when it is gone. */
  removeService(id: string): Promise<void>

  /**
   * Of a service that is ready and wanted, else `conflict`; the same service once more gives what is there, whatever the
   * variable. `already-exists` when another service has the variable. The password is sealed. Written by the API.
   */
  addAttachment(attachment: NewAttachment, password: Secret): Promise<AttachmentRow>
  /** In the order of their making. */
  listAttachments(): Promise<readonly AttachmentRow[]>
  /** The password; null when it is gone. */
  openAttachment(id: string): Promise<Secret | null>
  /** No error when it is gone. */
  markDetached(id: string): Promise<void>
  removeAttachment(id: string): Promise<void>
}

export interface NewService {
  /** 8 hexadecimal digits. */
  readonly id: string
  readonly name: ServiceName
  readonly kind: string
  /** The backup that it begins with; null: empty. */
  readonly from: string | null
  readonly by: string
  readonly at: number
}

export interface ServiceRow extends NewService {
  readonly image: ImageReference | null
  readonly state: 'creating' | 'ready'
  /** Why it is no further, or not as it should be; empty: it is. */
  readonly reason: string
  /** Null: it is wanted. */
  readonly destroyedAt: number | null
}

export interface NewAttachment extends EnvironmentKey {
  readonly id: string
  /** The service's id. */
  readonly service: string
  /** When the app was made: another app of the same name is not attached. */
  readonly appSince: number
  readonly variable: ConfigKey
  readonly user: string
  readonly by: string
  readonly at: number
}

export interface AttachmentRow extends NewAttachment {
  /** False: the pair goes when nothing needs it any more. */
  readonly wanted: boolean
}

export function serviceStore({ db, batch }: Connection, sealer: Sealer): ServiceStore {
  const attachments = () => db.selectFrom('attachments').selectAll().orderBy('created_at').orderBy('id')
  return {
    async insertService({ id, name, kind, from, by, at }) {
      const row = {
        id,
        name,
        kind,
        origin: from ?? '',
        image: '',
        state: 'creating',
        reason: '',
        created_by: by,
        created_at: at,
      }
      const taken = db.selectFrom('services').select('id').where('name', '=', name).where('destroyed_at', 'is', null)
      const [, found] = await batch(
        db
          .insertInto('services')
          .columns(columnsOf(row))
          // One row, and no row where the name is taken.
          .expression(eb =>
            eb
              .selectFrom(eb.selectFrom('services').select(eb.fn.countAll().as('all')).as('one'))
              .where(eb => eb.not(eb.exists(taken)))
              .select(literals(row)),
          ),
        db.selectFrom('services').selectAll().where('id', '=', id),
      )
      if (found[0]) return toService(found[0])
      throw new AppError('already-exists', `there is a service ${name} already`, {
        hint: '"lading services ls" lists them.',
      })
    },

    async listServices() {
      const [rows] = await batch(db.selectFrom('services').selectAll().orderBy('name').orderBy('created_at'))
      return rows.map(toService)
    },

    async destroyService(id, now) {
      const [, rows] = await batch(
        db
          .updateTable('services')
          .set({ destroyed_at: now })
          .where('id', '=', id)
          .where('destroyed_at', 'is', null)
          .where(eb => eb.not(eb.exists(db.selectFrom('attachments').select('id').where('service', '=', id)))),
        db.selectFrom('services').selectAll().where('id', '=', id),
      )
      if (!rows[0]) throw new AppError('not-found', 'the service is gone')
      if (rows[0].destroyed_at === null) throw new AppError('conflict', `${rows[0].name} is attached`)
    },

    async noteService(id, { state, reason, image }) {
      const facts = {
        ...(state === undefined ? {} : { state }),
        ...(reason === undefined ? {} : { reason }),
        ...(image === undefined ? {} : { image: image ?? '' }),
      }
      await batch(db.updateTable('services').set(facts).where('id', '=', id))
    },

    async removeService(id) {
      await batch(db.deleteFrom('services').where('id', '=', id))
    },

    async addAttachment(attachment, password) {
      const { id, service, app, environment, appSince, variable, user, by, at } = attachment
      const sealed = sealer.seal(context(id), password)
      const of = { app, environment, app_since: appSince, variable, user_name: user, sealed }
      const row = { id, service, ...of, wanted: 1, created_by: by, created_at: at }
      const own = () =>
        attachments().where('app', '=', app).where('environment', '=', environment).where('wanted', '=', 1)
      const usable = db
        .selectFrom('services')
        .where('services.id', '=', service)
        .where('services.state', '=', 'ready')
        .where('services.destroyed_at', 'is', null)
      const clash = own().where(eb => eb.or([eb('service', '=', service), eb('variable', '=', variable)]))
      const [, present] = await batch(
        db
          .insertInto('attachments')
          .columns(columnsOf(row))
          .expression(usable.where(eb => eb.not(eb.exists(clash))).select(literals(row))),
        own(),
      )
      const rows = present.map(toAttachment)
      const made = rows.find(one => one.service === service)
      if (made) return made
      const other = rows.find(one => one.variable === variable)
      if (other)
        throw new AppError('already-exists', `${variable} of ${environmentId(attachment)} is another service's`)
      throw new AppError('conflict', 'the service is not ready')
    },

    async listAttachments() {
      const [rows] = await batch(attachments())
      return rows.map(toAttachment)
    },

    async openAttachment(id) {
      const [rows] = await batch(attachments().where('id', '=', id))
      return rows[0] ? sealer.open(context(id), rows[0].sealed) : null
    },

    async markDetached(id) {
      await batch(db.updateTable('attachments').set({ wanted: 0 }).where('id', '=', id))
    },

    async removeAttachment(id) {
      await batch(db.deleteFrom('attachments').where('id', '=', id))
    },
  }
}

function toService(row: Tables['services']): ServiceRow {
  return {
    id: row.id,
    name: row.name as ServiceName,
    kind: row.kind,
    from: row.origin || null,
    image: (row.image || null) as ImageReference | null,
    state: row.state as ServiceRow['state'],
    reason: row.reason,
    by: row.created_by,
    at: Number(row.created_at),
    destroyedAt: row.destroyed_at === null ? null : Number(row.destroyed_at),
  }
}

function toAttachment(row: Tables['attachments']): AttachmentRow {
  return {
    ...toEnvironmentKey(row),
    id: row.id,
    service: row.service,
    appSince: Number(row.app_since),
    variable: row.variable as ConfigKey,
    user: row.user_name,
    wanted: Number(row.wanted) === 1,
    by: row.created_by,
    at: Number(row.created_at),
  }
}

/** A password moved to another row does not open. */
function context(id: string): string {
  return `attachment/${id}`
}
