import { AppError } from '../core/errors.ts'
import type { Connection } from './connection.ts'
import type { Sealer } from './seal.ts'
import type { AcmeSettings, CertificateRow, Store } from './store.ts'
import type { CertificateColumns } from './tables.ts'

type CertificateStore = Pick<
  Store,
  | 'saveCertificate'
  | 'listCertificates'
  | 'openCertificate'
  | 'removeCertificate'
  | 'readAcme'
  | 'writeAcme'
  | 'removeAcme'
>

const theAccount = 1
const accountContext = 'acme account'

/** Keys are sealed, each for its own row. */
export function certificateStore({ db, batch }: Connection, sealer: Sealer): CertificateStore {
  return {
    async saveCertificate({ id, source, names, issuer, notBefore, notAfter, by, at }, pem) {
      await batch(
        db
          .insertInto('certificates')
          .values({
            id,
            source,
            names: JSON.stringify(names),
            issuer,
            not_before: notBefore,
            not_after: notAfter,
            sealed: sealer.seal(contextOf(id), pem),
            created_by: by,
            created_at: at,
          })
          .onConflict(c => c.column('id').doNothing()),
      )
    },

    async listCertificates() {
      const [rows] = await batch(db.selectFrom('certificates').selectAll().orderBy('created_at', 'desc').orderBy('id'))
      return rows.map(toCertificate)
    },

    async openCertificate(id) {
      const [rows] = await batch(db.selectFrom('certificates').select('sealed').where('id', '=', id))
      return rows[0] ? sealer.open(contextOf(id), rows[0].sealed) : null
    },

    async removeCertificate(id) {
      const [removed] = await batch(db.deleteFrom('certificates').where('id', '=', id).returning('id'))
      if (removed[0]) return
      throw new AppError('not-found', `there is no certificate ${id}`, { hint: '"lading certs ls" lists them.' })
    },

    async readAcme() {
      const [rows] = await batch(db.selectFrom('acme').selectAll())
      if (!rows[0]) return null
      return { ...(JSON.parse(rows[0].settings) as AcmeSettings), key: sealer.open(accountContext, rows[0].sealed) }
    },

    async writeAcme({ key, ...rest }) {
      const facts = { settings: JSON.stringify(rest), sealed: sealer.seal(accountContext, key) }
      await batch(
        db
          .insertInto('acme')
          .values({ id: theAccount, ...facts })
          .onConflict(c => c.column('id').doUpdateSet(facts)),
      )
    },

    async removeAcme() {
      await batch(db.deleteFrom('acme'))
    },
  }
}

function contextOf(id: string): string {
  return `certificate ${id}`
}

function toCertificate(row: CertificateColumns): CertificateRow {
  return {
    id: row.id,
    source: row.source as CertificateRow['source'],
    names: JSON.parse(row.names) as string[],
    issuer: row.issuer,
    notBefore: Number(row.not_before),
    notAfter: Number(row.not_after),
    by: row.created_by,
    at: Number(row.created_at),
  }
}
