import { AppError } from './errors.ts'
import { Secret } from './secret.ts'

/**
 * Tokens of `/etc/lading/registry-token`, one a line. The first is what engines are given to show; while it is changed the
 * one before stands in the second line, and is taken too. Rejects `invalid-input` where one is none: it is written into
 * HAProxy's configuration.
 */
export function parseEngineTokens(text: string): readonly [Secret, ...Secret[]] {
  const [first = '', ...others] = text.trim().split('\n')
  return [parseEngineToken(first), ...others.map(parseEngineToken)]
}

/** Base64url, as `lading up` makes it. */
function parseEngineToken(line: string): Secret {
  if (/^[A-Za-z0-9_-]{20,100}$/.test(line)) return new Secret(line)
  throw new AppError('invalid-input', 'the file of the engines’ token holds something else', {
    hint: 'Remove /etc/lading/registry-token, and run "lading up" again.',
  })
}
