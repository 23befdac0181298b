import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { matchedRoutes } from 'hono/route'
import { authorize } from '../access/policy.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { appRoutes } from './routes/apps.ts'
import { backupFileRoutes, backupRoutes } from './routes/backups.ts'
import { configRoutes } from './routes/config.ts'
import { deployRoutes } from './routes/deploy.ts'
import { ejectRoutes } from './routes/eject.ts'
import { certificateRoutes } from './routes/certificates.ts'
import { domainRoutes } from './routes/domains.ts'
import { bodyBytes } from './input.ts'
import { limitRoutes } from './routes/limits.ts'
import { logRoutes } from './routes/logs.ts'
import { refuseOtherSites } from './other-sites.ts'
import type { ApiEnv, ApiParts } from './parts.ts'
import { platformRoutes } from './routes/platform.ts'
import { problemResponse } from './problem.ts'
import { processRoutes } from './routes/processes.ts'
import { releaseRoutes } from './routes/releases.ts'
import { runRoutes } from './routes/runs.ts'

/** The HTTP API, `/v1`: the same behind each door, apart from who stands before it (docs/design/api.md). */
export function createApi(parts: ApiParts): Hono<ApiEnv> {
  const api = new Hono<ApiEnv>()
  api.onError(error => {
    const appError = asAppError(error)
    if (appError.status >= 500) parts.report(appError)
    return problemResponse(appError)
  })
  api.notFound(c => problemResponse(new AppError('not-found', `there is nothing at ${c.req.method} ${c.req.path}`)))
  guard(api, parts)
  backupFileRoutes(api, parts)
  api.use(
    bodyLimit({
      maxSize: bodyBytes,
      onError: () => problemResponse(new AppError('invalid-input', `the body is larger than ${bodyBytes} bytes`)),
    }),
  )
  for (const routes of [
    platformRoutes,
    backupRoutes,
    appRoutes,
    releaseRoutes,
    deployRoutes,
    configRoutes,
    processRoutes,
    domainRoutes,
    certificateRoutes,
    logRoutes,
    runRoutes,
    ejectRoutes,
    limitRoutes,
  ])
    routes(api, parts)
  return api
}

/** Before every handler: who asks, and whether the policy table lets them (law: one-policy-table). */
function guard(api: Hono<ApiEnv>, { access, platform }: ApiParts): void {
  api.use(async (c, next) => {
    const principal = access.authenticate(c.req.header('authorization') ?? null)
    const route = matchedRoutes(c).findLast(({ method }) => method !== 'ALL')
    // An address that leads nowhere says so to members only: to others, all addresses look alike.
    authorize(route ? `${route.method} ${route.path}` : 'GET /v1/info', principal)
    refuseOtherSites(c.req)
    if (principal) c.set('principal', principal)
    await next()
    // Not for strangers: it tells them which faults to try.
    if (principal) c.header('lading-version', platform.version)
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
  })
}
