import { isIPv6 } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { Access, PresentedCredential, Principal } from './principal.ts'

/** So many wrong tokens are mistakes. */
const freeGuesses = 20
const [firstWaitMs, longestWaitMs] = [1_000, 15 * 60_000]
/** Who has guessed nothing for so long starts over (ms). */
const forgetMs = 60 * 60_000
/** The sources that are remembered, the latest to do anything; and what each was let in with, the latest. */
const [mostSources, mostKnown] = [10_000, 20]
/** Shut sources are reported so often at most (ms), whatever strangers do: they do not push others' events out of the record. */
const reportEveryMs = 60_000

interface Source {
  wrong: number
  lastAt: number
  shutUntil: number
  /** Credentials that were right here before: they go on working while others guess from the same address. */
  readonly known: Set<string>
}

/** Called with sources that are shut: `others` were since the last time. */
type Tell = (reported: { readonly from: string; readonly seconds: number; readonly others: number }) => void

/**
 * Slows whoever shows tokens that no one has, by source address: after 20 wrong ones a source waits 1 s, then twice as long
 * for each, up to 15 minutes, and what it shows meanwhile is not answered: neither wrong nor right, but for what was right
 * there before. In memory alone, bounded; a new control plane starts over.
 */
export class Guesses {
  readonly #clock: Clock
  readonly #tell: Tell
  readonly #sources = new Map<string, Source>()
  #reportedAt = -Infinity
  #unreported = 0

  constructor(clock: Clock, tell: Tell) {
    this.#clock = clock
    this.#tell = tell
  }

  /** How many sources are remembered. */
  get size(): number {
    return this.#sources.size
  }

  /** Rejects `too-many-guesses` while the source is shut. */
  admit(from: string, principal: Principal | null): Principal | null {
    const now = this.#clock.monotonic()
    const source = this.#sourceOf(from, now)
    const shown = principal && shownBy(principal)
    if (shown !== null && source.known.has(shown)) return principal
    if (now < source.shutUntil) throw shut(Math.ceil((source.shutUntil - now) / 1000))
    if (shown === null) this.#guessed(from, source, now)
    else remember(source.known, shown)
    return principal
  }

  #sourceOf(from: string, now: number): Source {
    const name = networkOf(from)
    const known = this.#sources.get(name)
    const source = known ?? { wrong: 0, lastAt: now, shutUntil: 0, known: new Set() }
    if (now - source.lastAt > forgetMs) source.wrong = 0
    // The one that was silent for longest stands first, and goes first.
    this.#sources.delete(name)
    this.#sources.set(name, source)
    const [oldest] = this.#sources.keys()
    if (this.#sources.size > mostSources && oldest !== undefined) this.#sources.delete(oldest)
    return source
  }

  #guessed(from: string, source: Source, now: number): void {
    source.wrong++
    source.lastAt = now
    if (source.wrong < freeGuesses) return
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(20, source.wrong - freeGuesses))
    source.shutUntil = now + waitMs
    if (now - this.#reportedAt < reportEveryMs) {
      this.#unreported++
      return
    }
    this.#tell({ from, seconds: waitMs / 1000, others: this.#unreported })
    this.#reportedAt = now
    this.#unreported = 0
  }
}

/** The same access, and whoever guesses is slowed. */
export function slowingGuesses(access: Access, guesses: Guesses): Access {
  return {
    authenticate(presented: PresentedCredential | null, from = 'unknown') {
      const principal = access.authenticate(presented)
      // Who shows nothing guesses nothing: git asks so first.
      return presented?.kind === 'token' ? guesses.admit(from, principal) : principal
    },
    revoked: principal => access.revoked(principal),
    isExpired: principal => access.isExpired(principal),
    addressOf: forwardedFor => access.addressOf(forwardedFor),
  }
}

/** An IPv6 host has a whole /64: any address of it is the same source. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail = ''] = address.toLowerCase().split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const missing = 8 - groups(head).length - groups(tail).length
  const filled = address.includes('::') ? Array<string>(Math.max(0, missing)).fill('0') : []
  const all = [...groups(head), ...filled, ...groups(tail)]
  return `${all
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

function shownBy(principal: Principal): string | null {
  if (principal.kind === 'root') return null
  const { credential } = principal
  return `${credential.kind} ${credential.kind === 'ssh-key' ? credential.fingerprint : credential.id}`
}

function remember(known: Set<string>, shown: string): void {
  known.add(shown)
  const [oldest] = known
  if (known.size > mostKnown && oldest !== undefined) known.delete(oldest)
}

function shut(seconds: number): AppError {
  return new AppError('too-many-guesses', 'too many wrong tokens came from this address', {
    hint: `Try again in ${seconds} s. Tokens that were used from here before go on working.`,
    retryable: true,
    retryAfter: seconds,
  })
}
