import type { IncomingMessage } from 'node:http'
import type { Audit } from '../access/audit.ts'
import { authorize } from '../access/policy.ts'
import type { Access } from '../access/principal.ts'
import { tokenIn } from '../access/tokens.ts'
import type { GitListenerOptions } from '../commit/http/listener.ts'
import { asAppError } from '../core/errors.ts'

/** Who may fetch and push: the same principals, the same table and the same record as the API's. */
export function gitAccess(
  access: Access,
  audit: Audit,
): Required<Pick<GitListenerOptions, 'authenticate' | 'authorize' | 'revoked'>> {
  return {
    authenticate: async request =>
      access.authenticate(tokenIn(request.headers.authorization), access.addressOf(forwardedFor(request))),
    revoked: principal => access.revoked(principal),
    authorize: async (principal, { app, action: verb, request }) => {
      const action = verb === 'push' ? 'git receive-pack' : 'git upload-pack'
      const event = { principal, action, target: `/${app}.git`, from: access.addressOf(forwardedFor(request)) }
      try {
        authorize(action, principal, { app, environment: null })
      } catch (error) {
        await audit.record({ ...event, status: asAppError(error).status })
        throw error
      }
      // The list of refs comes before; it is asked for by GET.
      if (request.method === 'POST') await audit.record({ ...event, status: 200 })
      return true
    },
  }
}

function forwardedFor({ headers }: IncomingMessage): string | null {
  const value = headers['x-forwarded-for']
  return typeof value === 'string' ? value : null
}
