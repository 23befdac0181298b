import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { authorize, may, noApp } from '../../access/policy.ts'
import { nameOf, type Principal } from '../../access/principal.ts'
import { platformWide } from '../../access/roles.ts'
import { AppError } from '../../core/errors.ts'
import { parseAppName, parseEnvironmentName, production } from '../../core/names.ts'
import type { TokenRow } from '../../store/access-store.ts'
import { tokenDocument } from '../documents.ts'
import { bodyOf } from '../input.ts'
import { parseMemberName } from './members.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

const tenYears = 10 * 366 * 24 * 3600

export const newToken = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,39}$/, 'lower-case letters, digits and . _ -, 40 characters at most'),
  /** Whose; without it and without an app, the asker's own. */
  member: z.string().optional(),
  /** A robot's, bound to one environment of this app. */
  app: z.string().optional(),
  environment: z.string().optional(),
  /** Seconds from now; null: never. */
  expiresIn: z.number().int().min(60).max(tenYears).nullable().default(null),
})

export function tokenRoutes(api: Hono<ApiEnv>, { accounts, store, clock }: ApiParts): void {
  api.get('/v1/tokens', c => {
    const principal = c.get('principal')
    return c.json(
      accounts
        .tokens()
        .filter(row => mayManage(row, principal))
        .map(tokenDocument),
    )
  })

  /** The only answer that holds the token. */
  api.post('/v1/tokens', async c => {
    const wanted = await bodyOf(c, newToken)
    const whose = wanted.app ?? wanted.member ?? ownName(c.get('principal'))
    c.set('note', `token ${wanted.name} of ${whose}`)
    const holder = await holderOf(c, wanted)
    const own = accounts.expiryOf(c.get('principal'))
    const asked = wanted.expiresIn === null ? null : clock.now() + wanted.expiresIn * 1000
    // Who was let in for a month does not make himself a key for ever.
    const expiresAt = own === null ? asked : Math.min(own, asked ?? own)
    const by = nameOf(c.get('principal'))
    const { row, token } = await accounts.create({ name: wanted.name, holder, by, expiresAt })
    c.set('note', `token ${row.name} (${row.id}) of ${whose}`)
    return c.json({ ...tokenDocument(row), token: token.reveal() }, 201)
  })

  api.delete('/v1/tokens/:token', async c => {
    const id = c.req.param('token')
    const row = accounts.tokens().find(one => one.id === id && mayManage(one, c.get('principal')))
    if (!row) {
      throw new AppError('not-found', `there is no token ${id.slice(0, 60)}`, { hint: '"lading tokens" lists them.' })
    }
    c.set('note', `token ${row.name}`)
    await accounts.revoke(row.id)
    return c.json(tokenDocument(row))
  })

  async function holderOf(c: Context<ApiEnv>, wanted: z.infer<typeof newToken>): Promise<TokenRow['holder']> {
    const principal = c.get('principal')
    if (wanted.app === undefined) {
      if (wanted.environment !== undefined) throw new AppError('invalid-input', 'an environment is one of an app')
      const member = wanted.member === undefined ? ownName(principal) : parseMemberName(wanted.member)
      if (member !== principal.name) authorize('token of another member', principal, platformWide)
      return member
    }
    if (wanted.member !== undefined) {
      throw new AppError('invalid-input', 'a token is of a member or of an app, not of both')
    }
    const place = { app: wanted.app, environment: null }
    authorize('token of a robot', principal, place)
    const key = { app: parseAppName(wanted.app), environment: parseEnvironmentName(wanted.environment ?? production) }
    const [app, environment] = await Promise.all([store.findApp(key.app), store.findEnvironment(key)])
    if (!app || app.destroyedAt !== null) throw noApp(key.app)
    if (!environment) throw new AppError('not-found', `${key.app} has no environment ${key.environment}`)
    return key
  }
}

function ownName(principal: Principal): string {
  return principal.kind === 'root' ? 'owner' : principal.name
}

/** One's own, those of robots of one's apps, and the owner's are all. */
function mayManage({ holder }: TokenRow, principal: Principal): boolean {
  if (typeof holder !== 'string') return may('token of a robot', principal, { app: holder.app, environment: null })
  return holder === principal.name || may('token of another member', principal, platformWide)
}
