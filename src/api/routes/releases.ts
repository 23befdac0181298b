import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import type { EnvironmentKey } from '../../core/names.ts'
import type { Store } from '../../store/store.ts'
import { billDocument, releaseDocument, type ReleaseDocument } from '../documents.ts'
import { environmentOf, limitQuery, queryOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

export function releaseRoutes(api: Hono<ApiEnv>, { store }: ApiParts): void {
  api.get('/v1/apps/:app/environments/:environment/releases', async c => {
    const key = await environmentOf(c, store)
    return c.json(await listReleases(store, key, queryOf(c, limitQuery).limit))
  })

  /** The bill of lading. */
  api.get('/v1/apps/:app/environments/:environment/releases/:number', async c => {
    const key = await environmentOf(c, store)
    const number = parseReleaseNumber(c.req.param('number'))
    const [release, serving] = await Promise.all([store.findRelease(key, number), store.servingRelease(key)])
    if (!release) throw noRelease(number)
    return c.json(billDocument(release, await store.findRun(release.run), serving?.number ?? null))
  })
}

/** Newest first, each with what became of it. */
export async function listReleases(store: Store, key: EnvironmentKey, limit: number): Promise<ReleaseDocument[]> {
  const [releases, serving] = await Promise.all([store.listReleases(key, limit), store.servingRelease(key)])
  return Promise.all(
    releases.map(async release => releaseDocument(release, await store.findRun(release.run), serving?.number ?? null)),
  )
}

/** `47` and `v47`. */
export function parseReleaseNumber(text: string): number {
  if (!/^v?[1-9][0-9]{0,8}$/.test(text)) {
    throw new AppError('invalid-input', `${JSON.stringify(text)} is not a release`, {
      hint: 'Releases are v1, v2, …: "lading releases" lists them.',
    })
  }
  return Number(text.replace('v', ''))
}

export function noRelease(number: number): AppError {
  return new AppError('not-found', `there is no release v${number}`, { hint: '"lading releases" lists them.' })
}
