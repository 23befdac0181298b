import { AppError } from '../core/errors.ts'
import { type AppName, parseAppName } from '../core/names.ts'

/** Host names below the base domain that are the platform's own, now or soon, or that a visitor would take for it. */
const reserved = new Set(
  'lading api git www registry console admin status docs mail smtp imap ftp ns ns1 ns2 wpad autoconfig autodiscover localhost'.split(
    ' ',
  ),
)

/** A name that a new app may have. */
export function parseNewAppName(text: string): AppName {
  const app = parseAppName(text)
  if (reserved.has(app) || app.startsWith('lading-')) {
    throw new AppError('invalid-input', `the name ${app} is kept for the platform`, { hint: 'Choose another name.' })
  }
  return app
}
