import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { noApp } from '../../access/policy.ts'
import { nameOf } from '../../access/principal.ts'
import { sees } from '../../access/roles.ts'
import { AppError, asAppError } from '../../core/errors.ts'
import { parseAppName, production } from '../../core/names.ts'
import type { Run } from '../../core/run.ts'
import type { AppRow, EnvironmentRow } from '../../store/store.ts'
import { parseNewAppName } from '../app-name.ts'
import { type AppDocument, appDocument, type EnvironmentDocument, releaseDocument } from '../documents.ts'
import { bodyOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

/** A destruction that takes longer (it drains) goes on after the answer; below the edge's 30 s to the first byte (ms). */
const destroyWaitMs = 20_000

export const newApp = z.strictObject({ name: z.string() })
export const destruction = z.strictObject({ confirm: z.string() })

export function appRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { store, repositories, clock, platform, accounts } = parts

  api.get('/v1/apps', async c => {
    const [apps, present] = await Promise.all([store.listApps(), presentOf(parts)])
    const seen = apps.filter(({ app }) => sees(c.get('principal'), app))
    return c.json(await Promise.all(seen.map(app => describe(app, present, parts))))
  })

  api.post('/v1/apps', async c => {
    const app = parseNewAppName((await bodyOf(c, newApp)).name)
    if (await store.findApp(app)) {
      throw new AppError('already-exists', `the name ${app} is taken`, {
        hint: `If the app is yours, connect a folder to it: lading connect ${app}`,
      })
    }
    // Roles and tokens of an older app of this name went with its rows.
    await accounts.reload()
    // The repository first: left over after a crash it harms no one, and the next try finds it.
    await repositories.create(app, c.req.raw.signal)
    const row = await store.createApp(app, nameOf(c.get('principal')), clock.now())
    const environments = [{ environment: production, branch: 'main', serving: null, running: [] }]
    return c.json(appDocument(row, platform, environments) satisfies AppDocument, 201)
  })

  api.get('/v1/apps/:app', async c => {
    const row = await appOf(c, parts)
    return c.json(await describe(row, await presentOf(parts), parts))
  })

  api.delete('/v1/apps/:app', async c => {
    const { app } = await appOf(c, parts)
    const { confirm } = await bodyOf(c, destruction)
    if (confirm !== app) {
      throw new AppError('invalid-input', `destroying ${app} needs its name in "confirm"`, {
        hint: 'Everything of the app is removed for good: releases, config, repository.',
      })
    }
    const isDone = await destroy(parts, app, nameOf(c.get('principal')))
    parts.services.wake()
    return c.json({ app, destroyed: isDone }, isDone ? 200 : 202)
  })
}

async function appOf(c: Context<ApiEnv>, { store }: ApiParts): Promise<AppRow> {
  const app = parseAppName(c.req.param('app') ?? '')
  const row = await store.findApp(app)
  if (row) return row
  throw noApp(app)
}

interface Present {
  readonly environments: readonly EnvironmentRow[]
  readonly open: readonly Run[]
}

async function presentOf({ store }: ApiParts): Promise<Present> {
  const [environments, open] = await Promise.all([store.listEnvironments(), store.openRuns()])
  return { environments, open }
}

async function describe(row: AppRow, present: Present, parts: ApiParts): Promise<AppDocument> {
  const own = present.environments.filter(({ app }) => app === row.app)
  const environments = own.map(async (environment): Promise<EnvironmentDocument> => {
    const serving = await parts.store.servingRelease(environment)
    const run = serving && (await parts.store.findRun(serving.run))
    return {
      environment: environment.environment,
      branch: environment.branch,
      serving: serving && releaseDocument(serving, run, serving.number),
      running: present.open.filter(one => one.app === row.app && one.environment === environment.environment),
    }
  })
  return appDocument(row, parts.platform, await Promise.all(environments))
}

/** True when done; false when it goes on, and its failure is then reported. */
async function destroy({ pipeline, clock, report }: ApiParts, app: AppRow['app'], by: string): Promise<boolean> {
  const waiting = new AbortController()
  const work = pipeline.destroy({ app, environment: production }, by).then(() => true as const)
  try {
    const isDone = await Promise.race([work, clock.sleep(destroyWaitMs, waiting.signal).then(() => false)])
    if (!isDone) work.catch((error: unknown) => report(asAppError(error)))
    return isDone
  } finally {
    waiting.abort()
  }
}
