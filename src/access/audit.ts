import type { Clock } from '../core/clock.ts'
import type { AuditEntry, AuditRow, AuditStore } from '../store/audit-store.ts'
import type { Principal } from './principal.ts'

/** The newest so many are kept, whatever comes (about 30 MB). */
const kept = 100_000
/** Read so many at a time. */
const page = 1000

/** Reads whose answer is worth as much as a change: config values, code, all of an app. */
const tellingReads: ReadonlySet<string> = new Set([
  'GET /v1/apps/:app/environments/:environment/config',
  'GET /v1/apps/:app/environments/:environment/eject',
  'GET /v1/apps/:app/environments/:environment/releases/:number/image',
  'GET /v1/apps/:app/repository',
  'git upload-pack',
])

export interface AuditEvent extends Pick<AuditEntry, 'from' | 'action' | 'target' | 'status'> {
  readonly principal: Principal
  readonly note?: string
}

/** Who did what, from where, when. Only added to; who holds an answer finds its record. */
export class Audit {
  readonly #store: AuditStore
  readonly #clock: Clock
  readonly #report: (error: unknown) => void

  constructor(store: AuditStore, clock: Clock, report: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#report = report
  }

  /**
   * Writes down changes, reads of config and code, and what was refused to someone we know. It never rejects: what was done is
   * done, and a record that could not be written is reported.
   */
  async record({ principal, note = '', ...event }: AuditEvent): Promise<void> {
    const isTelling = !event.action.startsWith('GET ') || tellingReads.has(event.action)
    if (!isTelling && event.status !== 403) return
    const who = { who: principal.name, credential: credentialOf(principal) }
    await this.#append({ ...event, ...who, target: event.target.slice(0, 300), note: note.slice(0, 300) })
  }

  /** The one thing of strangers that is written down, seldom: their source is shut for guessing. No member has such a name. */
  async recordGuesses({ from, seconds, others }: { from: string; seconds: number; others: number }): Promise<void> {
    const note = `wrong tokens: not answered for ${seconds} s${others > 0 ? `; ${others} times more since the last record` : ''}`
    await this.#append({ who: 'a stranger', credential: 'none', from, action: 'guess', target: '/', status: 429, note })
  }

  async #append(entry: Omit<AuditEntry, 'at'>): Promise<void> {
    try {
      await this.#store.appendAudit({ ...entry, at: this.#clock.now() }, kept)
    } catch (error) {
      this.#report(error)
    }
  }

  /** Oldest first: the newest `tail`, or all that is kept. It ends with the newest of when it was asked for. */
  async *read(tail: number | null): AsyncGenerator<AuditRow, void, undefined> {
    const last = await this.#store.lastAudit()
    let after = tail === null ? 0 : Math.max(0, last - tail)
    while (after < last) {
      const rows = await this.#store.readAudit(after, Math.min(page, last - after))
      if (rows.length === 0) return
      // What is older than is kept went meanwhile: then a page begins further on.
      yield* rows.filter(({ seq }) => seq <= last)
      after = rows.at(-1)?.seq ?? last
    }
  }
}

function credentialOf(principal: Principal): string {
  if (principal.kind === 'root') return 'socket'
  const { credential } = principal
  return credential.kind === 'ssh-key' ? `ssh-key ${credential.fingerprint}` : `${credential.kind} ${credential.id}`
}
