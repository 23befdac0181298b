import type { HonoRequest } from 'hono'
import { AppError } from '../core/errors.ts'

const readOnly = new Set(['GET', 'HEAD', 'OPTIONS'])
/** What no page of another site can send without asking first (Fetch, 4.8: CORS-safelisted are form and plain text only). */
const contentTypes = new Set(['application/json', 'application/octet-stream'])

/**
 * The one rule for all that changes something: it cannot come from a page that someone has open, for whom a browser adds a
 * password it knows. Asked for where the body is empty too. Rejects `invalid-input` for a content type that pages can send,
 * `not-allowed` where the browser itself says that another site asks.
 */
export function refuseOtherSites(request: HonoRequest): void {
  if (readOnly.has(request.method)) return
  const site = request.header('sec-fetch-site')
  if (request.header('origin') !== undefined || (site !== undefined && site !== 'none')) {
    throw new AppError('not-allowed', 'pages in a browser change nothing here', {
      hint: 'Use the lading command, or another program that sends no Origin header.',
    })
  }
  const [essence = ''] = (request.header('content-type') ?? '').split(';')
  if (contentTypes.has(essence.trim().toLowerCase())) return
  throw new AppError('invalid-input', 'the body must be JSON, and an empty one too says that it is', {
    hint: 'Send content-type: application/json.',
  })
}
