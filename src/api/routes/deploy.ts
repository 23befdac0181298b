import type { Hono } from 'hono'
import { z } from 'zod'
import { nameOf } from '../../access/principal.ts'
import { AppError } from '../../core/errors.ts'
import { type CommitId, type EnvironmentKey, parseProcessType } from '../../core/names.ts'
import type { Release } from '../../core/release.ts'
import type { RunIntent } from '../../core/run.ts'
import type { RunState } from '../../core/states.ts'
import { releaseDocument, type ReleaseDocument } from '../documents.ts'
import { bodyOf, environmentOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'
import { listReleases, noRelease } from './releases.ts'

/** More processes than this of one type is a typing error, not a wish. */
const maximumProcesses = 100

export const deployment = z.strictObject({
  commit: z.string().min(1).max(250).optional(),
  fresh: z.boolean().default(false),
})
export const rollback = z.strictObject({
  to: z.number().int().positive().optional(),
  releasePhase: z.boolean().default(true),
})
export const scaling = z.strictObject({
  formation: z.record(z.string(), z.number().int().min(0).max(maximumProcesses)),
})

/** What makes a new release out of what is there. Each answers 202 with the run, which goes on by itself. */
export function deployRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { store, pipeline } = parts
  const route = (verb: string) => `/v1/apps/:app/environments/:environment/${verb}`

  api.post(route('deploy'), async c => {
    const { commit: wanted, fresh } = await bodyOf(c, deployment)
    const key = await environmentOf(c, store)
    const commit = await commitToDeploy(key, wanted, parts, c.req.raw.signal)
    const intent: RunIntent = { kind: 'commit', commit, ...(fresh ? { fresh } : {}) }
    return c.json({ run: await pipeline.submit({ key, intent, by: nameOf(c.get('principal')) }) }, 202)
  })

  api.post(route('rollback'), async c => {
    const { to, releasePhase } = await bodyOf(c, rollback)
    const key = await environmentOf(c, store)
    const target = await releaseToReturnTo(key, to, parts)
    const intent: RunIntent = { kind: 'rollback', to: target, releasePhase, automatic: false }
    return c.json({ run: await pipeline.submit({ key, intent, by: nameOf(c.get('principal')) }) }, 202)
  })

  api.post(route('scale'), async c => {
    const { formation } = await bodyOf(c, scaling)
    const key = await environmentOf(c, store)
    assertKnownTypes(formation, await servingRelease(key, parts, 'scale'))
    const intent: RunIntent = { kind: 'scale', formation }
    return c.json({ run: await pipeline.submit({ key, intent, by: nameOf(c.get('principal')) }) }, 202)
  })
}

/** What was asked for, else the head of the environment's branch, else the commit that serves. */
async function commitToDeploy(
  key: EnvironmentKey,
  text: string | undefined,
  { store, repositories }: ApiParts,
  signal: AbortSignal,
): Promise<CommitId> {
  if (text !== undefined) return repositories.resolve(key.app, text, signal)
  const branch = (await store.findEnvironment(key))?.branch
  const head = branch === undefined ? null : await repositories.branch(key.app, branch, signal)
  const commit = head ?? (await store.servingRelease(key))?.commit
  if (commit) return commit
  throw new AppError('not-found', `${key.app} has no commit to deploy`, {
    hint: `Push one: git push lading ${branch ?? 'main'}`,
  })
}

async function servingRelease(key: EnvironmentKey, { store }: ApiParts, verb: string): Promise<Release> {
  const serving = await store.servingRelease(key)
  if (serving) return serving
  throw new AppError('conflict', `${key.app} has no release to ${verb}`, { hint: 'Push a commit first.' })
}

/** `to`, else the newest release before the serving one that was live and has other parts. */
async function releaseToReturnTo(key: EnvironmentKey, to: number | undefined, parts: ApiParts): Promise<number> {
  const serving = await servingRelease(key, parts, 'roll back from')
  if (to !== undefined) return namedRelease(key, to, serving, parts)
  const releases = await listReleases(parts.store, key, 500)
  const earlier = releases.filter(({ number, state }) => number < serving.number && isProven(state))
  const target = earlier.find(release => !sameParts(release, releaseDocument(serving, null, null)))
  if (target) return target.number
  throw new AppError('conflict', `before v${serving.number} there is no other release that was live`, {
    hint: 'Name one: lading rollback v1',
  })
}

async function namedRelease(
  key: EnvironmentKey,
  number: number,
  serving: Release,
  { store }: ApiParts,
): Promise<number> {
  const release = await store.findRelease(key, number)
  if (!release) throw noRelease(number)
  if (!sameParts(releaseDocument(release, null, null), releaseDocument(serving, null, null))) return number
  const why = serving.number === number ? '' : `: v${serving.number} has the same image, config and formation`
  throw new AppError('conflict', `v${number} serves already${why}`, { hint: '"lading releases" lists the others.' })
}

/** It was live and did not fail while it was warm. */
function isProven(state: RunState | null): boolean {
  return state === 'live' || state === 'settled'
}

/** Whoever uses the app could not tell one from the other. */
function sameParts(one: ReleaseDocument, other: ReleaseDocument): boolean {
  const parts = ({ image, config, formation }: ReleaseDocument) =>
    JSON.stringify([image, config, Object.entries(formation).sort()])
  return parts(one) === parts(other)
}

function assertKnownTypes(formation: Readonly<Record<string, number>>, { image }: Release): void {
  const types = Object.keys(formation).map(parseProcessType)
  if (types.length === 0) throw new AppError('invalid-input', 'no process type to scale was given')
  const known = image.processes.map(process => process.type)
  const unknown = types.find(type => !known.includes(type))
  if (unknown === undefined) return
  throw new AppError('invalid-input', `there is no process type ${unknown}`, {
    hint: `The release that serves has ${known.join(', ')}; types come from the Procfile.`,
  })
}
