import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { DomainName } from '../core/names.ts'
import { isWildcard } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Answer, Ask } from './ask.ts'

/** A refusal of the CA's, in its words. */
export class Refused extends AppError {
  /** It wants to hear nothing before (ms from now); null: it did not say. */
  readonly waitMs: number | null

  constructor(message: string, waitMs: number | null, hint?: string) {
    super('unavailable', message, { retryable: true, ...(hint !== undefined && { hint }) })
    this.waitMs = waitMs
  }
}

export interface AcmeAccount {
  readonly directory: string
  readonly email: string | null
  /** Of the directory's own HTTPS. */
  readonly ca: string | null
  /** The directory may be in the platform's own network. */
  readonly isInternal: boolean
  /** ECDSA P-256, PEM. */
  readonly key: Secret
}

/** How a challenge is made to be seen, and taken away again. */
export interface Proof {
  readonly http: (token: string, answer: string | null, signal: AbortSignal) => Promise<void>
  readonly dns: (record: string, value: string, verb: 'present' | 'cleanup', signal: AbortSignal) => Promise<void>
}

const directory = ['newNonce', 'newAccount', 'newOrder'] as const
type Directory = Readonly<Record<(typeof directory)[number], string>>

interface Order {
  readonly status: string
  readonly authorizations: readonly string[]
  readonly finalize: string
  readonly certificate?: string
  readonly error?: Problem
}

interface Authorization {
  readonly status: string
  readonly identifier: { readonly value: string }
  readonly challenges: readonly Challenge[]
}

interface Challenge {
  readonly type: string
  readonly url: string
  readonly token: string
  readonly error?: Problem
}

interface Problem {
  readonly type?: string
  readonly detail?: string
  readonly subproblems?: readonly Problem[]
}

/** Between two looks at what the CA is doing (ms), where it does not say itself. */
const lookMs = 2_000
const mostLooks = 60
const nonceTries = 6

/**
 * The client's side of RFC 8555, as far as a platform needs it: one account, HTTP-01 and DNS-01, one name an order. Every
 * call ends with its signal.
 */
export class AcmeClient {
  readonly #account: AcmeAccount
  readonly #ask: Ask
  readonly #clock: Clock
  readonly #key: KeyObject
  #directory: Directory | null = null
  #kid: string | null = null
  #nonce: string | null = null

  constructor(account: AcmeAccount, { ask, clock }: { readonly ask: Ask; readonly clock: Clock }) {
    this.#account = account
    this.#ask = ask
    this.#clock = clock
    this.#key = createPrivateKey(account.key.reveal())
  }

  /** Makes the account, or finds it (7.3); resolves with its address. */
  async account(signal: AbortSignal): Promise<string> {
    if (this.#kid !== null) return this.#kid
    const { newAccount } = await this.#urls(signal)
    const { email } = this.#account
    const contact = email === null ? {} : { contact: [`mailto:${email}`] }
    const answer = await this.#post(newAccount, { termsOfServiceAgreed: true, ...contact }, signal)
    const address = answer.headers.location
    if (address === undefined) throw new Refused(`${this.#host} gave the account no address`, null)
    return (this.#kid = address)
  }

  /** The chain for a name, PEM, for the key that `csr` (DER, base64url) was made with. Rejects `Refused` with the CA's reason. */
  async certificate(name: DomainName, csr: string, proof: Proof, signal: AbortSignal): Promise<string> {
    await this.account(signal)
    const { newOrder } = await this.#urls(signal)
    const made = await this.#post(newOrder, { identifiers: [{ type: 'dns', value: name }] }, signal)
    const address = made.headers.location ?? ''
    const order = JSON.parse(made.text) as Order
    for (const authorization of order.authorizations) await this.#prove(name, authorization, proof, signal)
    await this.#post(order.finalize, { csr }, signal)
    const done = await this.#until<Order>(address, ({ status }) => status === 'valid' || status === 'invalid', signal)
    if (done.status !== 'valid' || done.certificate === undefined) throw this.#refusal(done.error, null)
    return (await this.#post(done.certificate, null, signal)).text
  }

  async #prove(name: DomainName, address: string, proof: Proof, signal: AbortSignal): Promise<void> {
    const authorization = JSON.parse((await this.#post(address, null, signal)).text) as Authorization
    if (authorization.status === 'valid') return
    const type = isWildcard(name) ? 'dns-01' : 'http-01'
    const challenge = authorization.challenges.find(one => one.type === type)
    if (!challenge) throw new Refused(`${this.#host} offers no ${type} for ${name}`, null)
    const answer = `${challenge.token}.${thumbprint(this.#key)}`
    const record = `_acme-challenge.${authorization.identifier.value}`
    const digest = createHash('sha256').update(answer).digest('base64url')
    const show = (isOver: boolean, until: AbortSignal) =>
      type === 'http-01'
        ? proof.http(challenge.token, isOver ? null : answer, until)
        : proof.dns(record, digest, isOver ? 'cleanup' : 'present', until)
    try {
      await show(false, signal)
      await this.#post(challenge.url, {}, signal)
      const seen = await this.#until<Authorization>(address, ({ status }) => status !== 'pending', signal)
      if (seen.status === 'valid') return
      throw this.#refusal(seen.challenges.find(one => one.error)?.error, null)
    } finally {
      // Also when the wait was given up; what fails here is found by its token at the next start.
      if (!signal.aborted) await show(true, signal).catch(() => undefined)
    }
  }

  /** Looked at again and again (7.5.1), as often as the CA wants. */
  async #until<T>(address: string, isDone: (found: T) => boolean, signal: AbortSignal): Promise<T> {
    for (let look = 1; ; look++) {
      const answer = await this.#post(address, null, signal)
      const found = JSON.parse(answer.text) as T
      if (isDone(found)) return found
      if (look === mostLooks) throw new Refused(`${this.#host} came to no end`, null)
      await this.#clock.sleep(Math.min(waitIn(answer, this.#clock) ?? lookMs, 60_000), signal)
    }
  }

  /** Signed (6.2); null: POST-as-GET. Repeated with a fresh nonce when the CA has forgotten the last one (6.5). */
  async #post(url: string, payload: object | null, signal: AbortSignal): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const nonce = this.#nonce ?? (await this.#freshNonce(signal))
      this.#nonce = null
      const body = this.#signed({ url, nonce }, payload === null ? '' : JSON.stringify(payload))
      const headers = { 'content-type': 'application/jose+json' }
      const answer = await this.#ask({ method: 'POST', url, headers, body, ...this.#way }, signal)
      this.#nonce = (answer.headers['replay-nonce'] as string | undefined) ?? null
      if (answer.status < 400) return answer
      const problem = problemOf(answer)
      if (problem.type !== 'urn:ietf:params:acme:error:badNonce' || attempt === nonceTries)
        throw this.#refusal(problem, waitIn(answer, this.#clock))
    }
  }

  #signed(header: { readonly url: string; readonly nonce: string }, payload: string): string {
    const who = this.#kid === null ? { jwk: jwkOf(this.#key) } : { kid: this.#kid }
    const protectedPart = base64url(JSON.stringify({ alg: 'ES256', ...header, ...who }))
    const payloadPart = base64url(payload)
    const text = Buffer.from(`${protectedPart}.${payloadPart}`)
    const signature = sign('sha256', text, { key: this.#key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    return JSON.stringify({ protected: protectedPart, payload: payloadPart, signature })
  }

  async #freshNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = await this.#urls(signal)
    const { headers } = await this.#ask({ method: 'HEAD', url: newNonce, ...this.#way }, signal)
    const nonce = headers['replay-nonce']
    if (typeof nonce === 'string') return nonce
    throw new Refused(`${this.#host} gives no nonce`, null)
  }

  async #urls(signal: AbortSignal): Promise<Directory> {
    if (this.#directory !== null) return this.#directory
    const { directory: url } = this.#account
    const answer = await this.#ask({ method: 'GET', url, ...this.#way }, signal)
    const found = parsed(answer.text) as Directory | null
    if (answer.status !== 200 || !found || directory.some(name => typeof found[name] !== 'string')) {
      throw new AppError('invalid-input', `${url} is no ACME directory: it answered ${answer.status}`, {
        hint: "A CA's directory is an address such as https://acme-v02.api.letsencrypt.org/directory.",
      })
    }
    return (this.#directory = found)
  }

  get #way() {
    const { ca, isInternal } = this.#account
    return { ca, isInternal }
  }

  get #host(): string {
    return new URL(this.#account.directory).host
  }

  #refusal(problem: Problem | undefined, waitMs: number | null): Refused {
    const details = [problem?.detail, ...(problem?.subproblems ?? []).map(one => one.detail)].filter(Boolean)
    const kind = problem?.type?.split(':').at(-1)
    return new Refused(`${this.#host}: ${details.join('; ') || 'no reason'}${kind ? ` (${kind})` : ''}`, waitMs)
  }
}

/** RFC 7638: what the answer to a challenge ends with. */
export function thumbprint(key: KeyObject): string {
  return createHash('sha256')
    .update(JSON.stringify(jwkOf(key)))
    .digest('base64url')
}

/** The public key; its members in the order that RFC 7638 wants. */
function jwkOf(key: KeyObject): Readonly<Record<string, string | undefined>> {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x, y }
}

function problemOf(answer: Answer): Problem {
  return (parsed(answer.text) as Problem | null) ?? { detail: `it answered ${answer.status}` }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as ms from now. */
function waitIn({ headers }: Answer, clock: Clock): number | null {
  const text = headers['retry-after']
  if (text === undefined) return null
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}
