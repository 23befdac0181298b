import { createHash, timingSafeEqual } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import type { Access } from './principal.ts'

export interface Token {
  /** Stands in releases and runs. */
  readonly name: string
  readonly token: Secret
}

/**
 * Tokens in `Authorization: Bearer …`, or as the password of `Basic …`, which is all that git can send. Only their
 * SHA-256 is kept: they are random, so there is nothing to guess and nothing to slow down.
 */
export function tokenAccess(tokens: readonly Token[]): Access {
  const known = tokens.map(({ name, token }) => {
    if (token.reveal().length < 32) {
      throw new AppError('invalid-input', `the token ${name} is shorter than 32 characters`, {
        hint: 'Make one of random bytes: openssl rand -hex 32',
      })
    }
    return { name, hash: sha256(token.reveal()) }
  })
  return {
    authenticate(authorization) {
      const shown = tokenOf(authorization ?? '')
      if (shown === null) return null
      const hash = sha256(shown)
      // All are compared, each in constant time, so that the time says nothing about which one came near.
      const matching = known.filter(token => timingSafeEqual(token.hash, hash))
      return matching[0] ? { kind: 'token', name: matching[0].name } : null
    },
  }
}

/** RFC 6750 and RFC 7617; the user name of Basic is not looked at. */
function tokenOf(authorization: string): string | null {
  const [, scheme = '', credentials = ''] = /^(\w+) +([^ ]+)$/.exec(authorization) ?? []
  if (scheme.toLowerCase() === 'bearer') return credentials
  if (scheme.toLowerCase() !== 'basic') return null
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : text.slice(colon + 1)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
