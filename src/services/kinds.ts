import { AppError } from '../core/errors.ts'
import type { Kind } from './kind.ts'
import { mariadb } from './kinds/mariadb.ts'
import { postgres } from './kinds/postgres.ts'
import { valkey } from './kinds/valkey.ts'

export const kinds: readonly Kind[] = [postgres, mariadb, valkey]

/** Rejects `invalid-input` with those that there are. */
export function parseKind(text: string): Kind {
  const found = kinds.find(({ name }) => name === text)
  if (found) return found
  throw new AppError('invalid-input', `there is no kind of service ${JSON.stringify(text.slice(0, 40))}`, {
    hint: `There is: ${kinds.map(({ name, title }) => `${name} (${title})`).join(', ')}.`,
  })
}
