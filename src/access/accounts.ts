import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { Mutex } from '../lib/async/mutex.ts'
import type { AccessStore, MemberRow, TokenRow } from '../store/access-store.ts'
import {
  type Access,
  addressOf,
  type Member,
  type PresentedCredential,
  type Principal,
  type Robot,
} from './principal.ts'
import { assertGrant, type Grant, type Role } from './roles.ts'
import { hashOf, newToken, newTokenId } from './tokens.ts'

export interface AccountsDeps {
  readonly store: AccessStore
  readonly clock: Clock
  /** Of the token in /etc/lading/token, whose member is `owner`. */
  readonly file: Access
  /** Called when a last use could not be written: nothing waits for it. */
  readonly report: (error: unknown) => void
}

export interface NewToken extends Pick<TokenRow, 'name' | 'holder' | 'by'> {
  /** Ms since the epoch; null: never. */
  readonly expiresAt: number | null
}

/** Last uses are written so often at most, each (ms). */
const touchMs = 60_000
/** The member of the server's own token; made by `lading up`, not to be removed: so there is always an owner. */
const firstOwner = 'owner'

/**
 * The members and tokens, in memory and in the store: one control plane writes them (it holds the lease), so that a token is
 * looked up without waiting and is dead everywhere in the moment in which it is revoked. Changes come one after the other.
 */
export class Accounts implements Access {
  readonly #parts: AccountsDeps
  readonly #changes = new Mutex()
  readonly #open = new Map<string, AbortController>()
  readonly #used = new Map<string, number>()
  #members: readonly MemberRow[] = []
  #byHash: ReadonlyMap<string, TokenRow> = new Map()

  private constructor(parts: AccountsDeps) {
    this.#parts = parts
  }

  static async open(parts: AccountsDeps): Promise<Accounts> {
    const accounts = new Accounts(parts)
    const at = parts.clock.now()
    await accounts.#change(() =>
      parts.store.saveGrant({ member: firstOwner, role: 'owner', app: null, by: 'lading', at }),
    )
    return accounts
  }

  authenticate(presented: PresentedCredential | null): Principal | null {
    if (presented?.kind !== 'token') return null
    const row = this.#byHash.get(hashOf(presented.token.reveal()))
    if (!row) return this.#parts.file.authenticate(presented)
    const principal = this.#principalOf(row)
    if (principal === null || this.#isOver(row)) return null
    this.#touch(row.id)
    return principal
  }

  revoked(principal: Principal): AbortSignal {
    const id = idOf(principal)
    if (id === null || this.#tokenOf(id) === undefined) return this.#parts.file.revoked(principal)
    const controller = this.#open.get(id) ?? new AbortController()
    this.#open.set(id, controller)
    return controller.signal
  }

  isExpired(principal: Principal): boolean {
    const row = this.#tokenOf(idOf(principal))
    return row !== undefined && this.#isOver(row)
  }

  addressOf(forwardedFor: string | null): string {
    return addressOf(forwardedFor)
  }

  /** Ms since the epoch at which what the principal showed ends; null: it does not. */
  expiryOf(principal: Principal): number | null {
    return this.#tokenOf(idOf(principal))?.expiresAt ?? null
  }

  members(): readonly MemberRow[] {
    return this.#members
  }

  /** Oldest first; the last use is to the minute. */
  tokens(): readonly TokenRow[] {
    return [...this.#byHash.values()].map(row => ({ ...row, usedAt: this.#used.get(row.id) ?? row.usedAt }))
  }

  /** Rejects `invalid-input` for a role that is not given there. The same once more is no change. */
  async grant(member: string, grant: Grant, by: string): Promise<void> {
    assertGrant(grant)
    const at = this.#parts.clock.now()
    await this.#change(() => this.#parts.store.saveGrant({ member, ...grant, by, at }))
  }

  /** Without a grant the member goes, with his tokens. Rejects `not-found`, and `conflict` for the server's own owner. */
  async withdraw(member: string, grant: Grant | null): Promise<void> {
    await this.#change(async () => {
      const row = this.#members.find(one => one.name === member)
      const has = row?.grants.some(one => grant !== null && one.role === grant.role && one.app === grant.app)
      if (!row || (grant !== null && !has)) {
        throw new AppError('not-found', `${member} is not ${grant === null ? 'a member' : grantText(grant)}`, {
          hint: '"lading members" lists them.',
        })
      }
      if (member === firstOwner && (grant === null || grant.role === 'owner')) {
        throw new AppError('conflict', 'this is the owner of the server itself', {
          hint: 'Its token is in /etc/lading/token; docs/design/secrets.md says how to change it.',
        })
      }
      await (grant === null
        ? this.#parts.store.removeMember(member)
        : this.#parts.store.removeGrant({ member, ...grant }))
    })
  }

  /** The token is in the answer and nowhere else. Rejects `not-found` for a member there is not, `already-exists` for the name. */
  async create({ name, holder, by, expiresAt }: NewToken): Promise<{ readonly row: TokenRow; readonly token: Secret }> {
    const token = newToken()
    const row = { id: newTokenId(), name, holder, hash: hashOf(token.reveal()), by, at: this.#parts.clock.now() }
    const whole = { ...row, expiresAt, usedAt: null }
    await this.#change(async () => {
      if (typeof holder === 'string' && !this.#members.some(member => member.name === holder)) {
        throw new AppError('not-found', `there is no member ${holder}`, { hint: 'Make one: lading members add' })
      }
      await this.#parts.store.addToken(whole)
    })
    return { row: whole, token }
  }

  /** From then on it is no one's, and what was open with it is cut. */
  async revoke(id: string): Promise<void> {
    await this.#change(() => this.#parts.store.removeToken(id))
  }

  /** An app is about to be made: what an older one of its name left went with the older one's rows. */
  async reload(): Promise<void> {
    await this.#change(() => Promise.resolve())
  }

  async #change(work: () => Promise<void>): Promise<void> {
    await this.#changes.run(async () => {
      await work()
      const { members, tokens } = await this.#parts.store.readAccess()
      const before = new Map([...this.#open.keys()].map(id => [id, this.#rightsOf(id)]))
      this.#members = members
      this.#byHash = new Map(tokens.map(row => [row.hash, row]))
      for (const [id, rights] of before) {
        if (this.#rightsOf(id) === rights) continue
        this.#open
          .get(id)
          ?.abort(new AppError('not-authenticated', 'the token was revoked, or what it allows has changed'))
        this.#open.delete(id)
      }
    })
  }

  /** Two that are the same text allow the same. */
  #rightsOf(id: string): string {
    const row = this.#tokenOf(id)
    return JSON.stringify(row === undefined ? null : this.#principalOf(row))
  }

  #principalOf({ id, name, holder }: TokenRow): Member | Robot | null {
    const credential = { kind: 'token', id } as const
    if (typeof holder !== 'string') return { kind: 'robot', name: `robot/${name}`, ...holder, credential }
    const member = this.#members.find(one => one.name === holder)
    const grants = member?.grants.map(({ role, app }) => ({ role: role as Role, app }))
    return grants === undefined ? null : { kind: 'member', name: holder, grants, credential }
  }

  #tokenOf(id: string | null): TokenRow | undefined {
    return id === null ? undefined : [...this.#byHash.values()].find(row => row.id === id)
  }

  #isOver({ expiresAt }: TokenRow): boolean {
    return expiresAt !== null && expiresAt <= this.#parts.clock.now()
  }

  #touch(id: string): void {
    const now = this.#parts.clock.now()
    if (now - (this.#used.get(id) ?? 0) < touchMs) return
    this.#used.set(id, now)
    this.#parts.store.touchToken(id, now).catch(this.#parts.report)
  }
}

function idOf(principal: Principal): string | null {
  return principal.kind !== 'root' && principal.credential.kind === 'token' ? principal.credential.id : null
}

function grantText({ role, app }: Grant): string {
  return app === null ? role : `${role} of ${app}`
}
