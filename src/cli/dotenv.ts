import { isDeepStrictEqual, parseEnv } from 'node:util'
import { AppError } from '../core/errors.ts'

/**
 * Node's own parser of .env files: quotes of three kinds, values of several lines, comments, `export`. What it would drop or
 * cut in silence is refused before: a line that is no `KEY=value`, and a `#` that sticks to an unquoted value.
 */
export function parseDotenv(text: string, name: string): Readonly<Record<string, string>> {
  const plain = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  // Quoted values may hold anything; their lines stay, so that the numbers of the others are right.
  const bare = plain.replace(/=[ \t]*(['"`])[\s\S]*?\1/g, quoted => `=${'\n'.repeat(quoted.split('\n').length - 1)}`)
  for (const [at, line] of bare.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    if (!/^\s*(export\s+)?[^\s=#'"`]+\s*=/.test(line)) throw refused(`line ${at + 1} of ${name} is not KEY=value`)
    if (/=\s*[^\s#][^#]*(?<=\S)#/.test(line)) {
      throw refused(`line ${at + 1} of ${name} has a # in its value, which begins a comment`)
    }
  }
  return Object.fromEntries(Object.entries(parseEnv(plain)).map(([key, value]) => [key, value ?? '']))
}

/** A file that the parser above reads back as these very values; rejects `invalid-input` for one that no quotes hold. */
export function formatDotenv(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => {
      const forms = [value, `'${value}'`, `"${value}"`, `\`${value}\``]
      const form = forms.slice(/^[\w./:@%+,-]*$/.test(value) ? 0 : 1).find(one => holds(one, value))
      if (form !== undefined) return `${key}=${form}\n`
      throw new AppError(
        'invalid-input',
        `the value of ${key} has quotes of every kind, and cannot be edited as text`,
        {
          hint: `Set it by itself: lading set ${key}=…`,
        },
      )
    })
    .join('')
}

function holds(form: string, value: string): boolean {
  return isDeepStrictEqual({ ...parseEnv(`K=${form}\nAFTER=1\n`) }, { K: value, AFTER: '1' })
}

function refused(sentence: string): AppError {
  return new AppError('invalid-input', sentence, {
    hint: "Lines are KEY=value, as in .env files; quote a value with a #, spaces at its ends or several lines: KEY='…'",
  })
}
