// eslint-disable-next-line no-restricted-imports -- a token is a secret: it is never from a seed
import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import { type Access, lasting, type PresentedCredential, type Principal } from './principal.ts'

export interface Token {
  /** Stands in releases and runs. */
  readonly name: string
  readonly token: Secret
}

/** Tokens from a file, each its owner's; the store's are in accounts.ts. */
export function tokenAccess(tokens: readonly Token[]): Access {
  const known = new Map(
    tokens.map(({ name, token }): [string, Principal] => {
      if (token.reveal().length < 32) {
        throw new AppError('invalid-input', `the token ${name} is shorter than 32 characters`, {
          hint: 'Make one of random bytes: openssl rand -hex 32',
        })
      }
      const grants = [{ role: 'owner', app: null }] as const
      return [hashOf(token.reveal()), { kind: 'member', name, grants, credential: { kind: 'token', id: 'file' } }]
    }),
  )
  return {
    authenticate: presented =>
      presented?.kind === 'token' ? (known.get(hashOf(presented.token.reveal())) ?? null) : null,
    ...lasting,
  }
}

/** A new one: 256 random bits, with a beginning that scanners for leaked secrets can look for. */
export function newToken(): Secret {
  return new Secret(`lading_${randomBytes(32).toString('hex')}`)
}

/** What `lading tokens` calls it by. */
export function newTokenId(): string {
  return randomBytes(4).toString('hex')
}

/**
 * SHA-256, hex. Only this is kept: tokens are random, so there is nothing to guess and nothing to slow down, and a look-up
 * by it tells by its time nothing about which token came near.
 */
export function hashOf(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

/**
 * The token in an HTTP header `authorization`: `Bearer …`, or the password of `Basic …`, which is all that git can send
 * (RFC 6750, RFC 7617). Null: there is none.
 */
export function tokenIn(authorization: string | null | undefined): PresentedCredential | null {
  const token = textOf(authorization ?? '')
  return token === null ? null : { kind: 'token', token: new Secret(token) }
}

function textOf(authorization: string): string | null {
  const [, scheme = '', credentials = ''] = /^(\w+) +([^ ]+)$/.exec(authorization) ?? []
  if (scheme.toLowerCase() === 'bearer') return credentials
  if (scheme.toLowerCase() !== 'basic') return null
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : text.slice(colon + 1)
}
