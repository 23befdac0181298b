import { type Connection, columnsOf, literals, next } from './connection.ts'

/** The record of who did what. Nothing changes a row; the oldest go when there are more than are kept. */
export interface AuditStore {
  /** Gives it the next number, and removes what is older than the newest `kept`. */
  appendAudit(entry: AuditEntry, kept: number): Promise<void>
  /** After this number, oldest first. */
  readAudit(after: number, limit: number): Promise<readonly AuditRow[]>
  /** Of the newest; 0: there is none. */
  lastAudit(): Promise<number>
}

export interface AuditEntry {
  readonly at: number
  /** Name of the principal; `a stranger`: one whose guesses were slowed. */
  readonly who: string
  /** What it showed: `socket`, or `token <id>`. */
  readonly credential: string
  /** Address, as the edge saw it; `server` for root's socket. */
  readonly from: string
  /** The line of the policy table, or `guess`. */
  readonly action: string
  /** The address that was called, without its query. */
  readonly target: string
  /** The answer's HTTP status; of a push, that of its beginning. */
  readonly status: number
  /** What its body asked for, without values; empty: the address says it all. */
  readonly note: string
}

export interface AuditRow extends AuditEntry {
  /** From 1, without a gap. */
  readonly seq: number
}

export function auditStore({ db, batch }: Connection): AuditStore {
  return {
    async appendAudit({ from, ...rest }, kept) {
      const row = { ...rest, address: from }
      const newest = db.selectFrom('audit').select(({ fn }) => fn.max('seq').as('seq'))
      await batch(
        db
          .insertInto('audit')
          .columns(['seq', ...columnsOf(row)])
          .expression(db.selectFrom('audit').select([next('seq'), ...literals(row)])),
        db.deleteFrom('audit').where(({ eb }) => eb('seq', '<=', eb(newest, '-', kept))),
      )
    },

    async readAudit(after, limit) {
      const [rows] = await batch(
        db.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(limit),
      )
      return rows.map(({ address, seq, at, ...rest }) => ({ ...rest, seq: Number(seq), at: Number(at), from: address }))
    },

    async lastAudit() {
      const [rows] = await batch(db.selectFrom('audit').select(({ fn }) => fn.max('seq').as('seq')))
      return Number(rows[0]?.seq ?? 0)
    },
  }
}
