import type { Context } from 'hono'
import { z } from 'zod'
import { noApp } from '../access/policy.ts'
import { requireFlatJson, shortened } from '../core/bounds.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { type EnvironmentKey, parseAppName, parseEnvironmentName } from '../core/names.ts'
import type { Store } from '../store/store.ts'

/** Above the largest config there may be; the listener refuses longer ones before they are read (api.ts). */
export const bodyBytes = 256 * 1024
const [shownIssues, shownCharacters] = [10, 2000]

/** The body as its schema says; `invalid-input` names the path of the first thing that is wrong. */
export async function bodyOf<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text()
  if (!/^application\/json[ \t]*(;|$)/i.test(c.req.header('content-type') ?? '')) {
    throw new AppError('invalid-input', 'the body must be JSON', { hint: 'Send content-type: application/json.' })
  }
  requireFlatJson(text, { name: 'the body', bytes: bodyBytes, depth: defaults.jsonDepth, values: defaults.jsonValues })
  let json: unknown
  try {
    json = text === '' ? {} : JSON.parse(text)
  } catch (cause) {
    throw new AppError('invalid-input', `the body is not JSON: ${(cause as Error).message}`, { cause })
  }
  return parsed(schema, json)
}

export function queryOf<T>(c: Context, schema: z.ZodType<T>): T {
  return parsed(schema, c.req.query())
}

function parsed<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const issues = result.error.issues
    .slice(0, shownIssues)
    .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
  throw new AppError('invalid-input', shortened(issues.join('; '), shownCharacters))
}

/** How many rows a list gives. */
export const limitQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(20) })

/** The environment that the path names; `not-found` when there is none. */
export async function environmentOf(c: Context, store: Store): Promise<EnvironmentKey> {
  const app = parseAppName(c.req.param('app') ?? '')
  const environment = parseEnvironmentName(c.req.param('environment') ?? '')
  const [appRow, row] = await Promise.all([store.findApp(app), store.findEnvironment({ app, environment })])
  if (!appRow) throw noApp(app)
  if (!row) throw new AppError('not-found', `${app} has no environment ${environment}`)
  return { app, environment }
}
