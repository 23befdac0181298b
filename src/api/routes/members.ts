import type { Hono } from 'hono'
import { z } from 'zod'
import { noApp } from '../../access/policy.ts'
import { nameOf } from '../../access/principal.ts'
import { type Grant, parseRole, roleDescriptions } from '../../access/roles.ts'
import { AppError } from '../../core/errors.ts'
import { parseAppName } from '../../core/names.ts'
import { type MemberDocument, type MemberRemovalDocument, tokenDocument } from '../documents.ts'
import { bodyOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

export const grantBody = z.strictObject({ role: z.string(), app: z.string().nullable().default(null) })
export const removal = z.strictObject({ role: z.string().optional(), app: z.string().nullable().default(null) })

/** Names that stand for something else where it is said who did a thing. */
const kept = ['root', 'lading', 'robot', 'anyone']

/** Rejects `invalid-input`. */
export function parseMemberName(text: string): string {
  if (/^[a-z][a-z0-9._-]{0,39}$/.test(text) && !kept.includes(text)) return text
  throw new AppError('invalid-input', `${JSON.stringify(text.slice(0, 60))} is not a name for a member`, {
    hint: `Use lower-case letters, digits and . _ -, starting with a letter; not ${kept.join(', ')}.`,
  })
}

export function memberRoutes(api: Hono<ApiEnv>, { accounts, store }: ApiParts): void {
  api.get('/v1/members', c => c.json(accounts.members().map(row => row satisfies MemberDocument)))

  /** A role more; the member is made where there is none. */
  api.put('/v1/members/:member', async c => {
    const body = await bodyOf(c, grantBody)
    c.set('note', `${body.role} of ${body.app ?? 'the platform'}`)
    const name = parseMemberName(c.req.param('member'))
    const grant = grantOf(body.role, body.app)
    const app = grant.app === null ? null : await store.findApp(grant.app)
    if (grant.app !== null && (!app || app.destroyedAt !== null)) throw noApp(grant.app)
    await accounts.grant(name, grant, nameOf(c.get('principal')))
    return c.json(documentOf(name))
  })

  /** One role, or without a role the member with all of them and the tokens; what is open ends at once. */
  api.delete('/v1/members/:member', async c => {
    const { role, app } = await bodyOf(c, removal)
    c.set('note', role === undefined ? 'the whole member' : `${role} of ${app ?? 'the platform'}`)
    const name = parseMemberName(c.req.param('member'))
    if (role === undefined && app !== null) {
      throw new AppError('invalid-input', 'which role on this app?', {
        hint: `Name one of ${Object.keys(roleDescriptions).join(', ')}.`,
      })
    }
    await accounts.withdraw(name, role === undefined ? null : grantOf(role, app))
    // A program goes on with its own token; who made it knows it, and someone should think of that now.
    const left = accounts.tokens().filter(({ by, holder }) => by === name && holder !== name)
    return c.json({ name, removed: true, left: left.map(tokenDocument) } satisfies MemberRemovalDocument)
  })

  function documentOf(name: string): MemberDocument {
    const row = accounts.members().find(member => member.name === name)
    if (row) return row
    throw new AppError('conflict', `${name} was removed meanwhile`, { retryable: true })
  }
}

function grantOf(role: string, app: string | null): Grant {
  return { role: parseRole(role), app: app === null ? null : parseAppName(app) }
}
