import { readFileSync } from 'node:fs'
import { tokenAccess } from '../access/tokens.ts'
import type { Access, PresentedCredential, Principal } from '../access/principal.ts'
import { AppError, asAppError } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'
import { Secret } from '../core/secret.ts'
import { followFile } from '../lib/files.ts'

export interface OwnerTokenOptions {
  /** `/etc/lading/token`: this file alone is mounted, so it is written in its place and never replaced. */
  readonly path: string
  readonly clock: Clock
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

/**
 * The owner's token, as its file says it now: `lading rotate owner-token` writes another one, and from then on the old
 * one is no one's, and what was open with it is cut. What cannot be a token (half written, emptied) changes nothing.
 */
export class OwnerToken implements Access {
  readonly #options: OwnerTokenOptions
  #text = ''
  #access: Access
  #present = new AbortController()

  /** Rejects where the file holds no token: a control plane without one would let no one in. */
  constructor(options: OwnerTokenOptions) {
    this.#options = options
    this.#text = this.#read()
    this.#access = accessOf(this.#text)
  }

  /** Follows the file, until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const { path, clock, log } = this.#options
    const onUnwatched = ({ message }: Error) => log('owner token not followed', { error: message })
    await followFile({ path, by: 'file', clock, look: () => this.look(), onUnwatched }, signal)
  }

  /** Reads the file once more. */
  look(): void {
    try {
      const text = this.#read()
      if (text === this.#text) return
      this.#access = accessOf(text)
      this.#text = text
    } catch (error) {
      this.#options.log('owner token not taken', { error: asAppError(error).message })
      return
    }
    const old = this.#present
    this.#present = new AbortController()
    old.abort(new AppError('not-authenticated', "the owner's token was changed"))
    this.#options.log('owner token changed', {})
  }

  authenticate(presented: PresentedCredential | null): Principal | null {
    return this.#access.authenticate(presented)
  }

  revoked(): AbortSignal {
    return this.#present.signal
  }

  isExpired(): boolean {
    return false
  }

  addressOf(forwardedFor: string | null): string {
    return this.#access.addressOf(forwardedFor)
  }

  #read(): string {
    return readFileSync(this.#options.path, 'utf8').trim()
  }
}

function accessOf(text: string): Access {
  return tokenAccess([{ name: 'owner', token: new Secret(text) }])
}
