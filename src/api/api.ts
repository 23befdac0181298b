import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { matchedRoutes } from 'hono/route'
import { authorize } from '../access/policy.ts'
import { tokenIn } from '../access/tokens.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { cutWhenRevoked } from './cut.ts'
import { appRoutes } from './routes/apps.ts'
import { backupFileRoutes, backupRoutes } from './routes/backups.ts'
import { configRoutes } from './routes/config.ts'
import { deployRoutes } from './routes/deploy.ts'
import { ejectRoutes } from './routes/eject.ts'
import { auditRoutes } from './routes/audit.ts'
import { certificateRoutes } from './routes/certificates.ts'
import { domainRoutes } from './routes/domains.ts'
import { bodyBytes } from './input.ts'
import { limitRoutes } from './routes/limits.ts'
import { openApiRoutes } from './routes/openapi.ts'
import { logRoutes } from './routes/logs.ts'
import { memberRoutes } from './routes/members.ts'
import { refuseOtherSites } from './other-sites.ts'
import type { ApiEnv, ApiParts } from './parts.ts'
import { placeOf } from './place.ts'
import { platformRoutes } from './routes/platform.ts'
import { problemResponse } from './problem.ts'
import { processRoutes } from './routes/processes.ts'
import { releaseRoutes } from './routes/releases.ts'
import { runRoutes } from './routes/runs.ts'
import { serviceRoutes } from './routes/services.ts'
import { tokenRoutes } from './routes/tokens.ts'

/** The HTTP API, `/v1`: the same behind each listener, apart from who stands before it (docs/design/api.md). */
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
    serviceRoutes,
    tokenRoutes,
    memberRoutes,
    auditRoutes,
    openApiRoutes,
  ])
    routes(api, parts)
  return api
}

/** Before every handler: who asks, and whether the policy table lets them (law: one-policy-table). */
function guard(api: Hono<ApiEnv>, { access, presented = tokenIn, audit, platform, store }: ApiParts): void {
  api.use(async (c, next) => {
    const from = access.addressOf(c.req.header('x-forwarded-for') ?? null)
    const principal = access.authenticate(presented(c.req.header('authorization')), from)
    const route = matchedRoutes(c).findLast(({ method }) => method !== 'ALL')
    // An address that leads nowhere says so to members only: to others, all addresses look alike.
    const action = route ? `${route.method} ${route.path}` : 'GET /v1/info'
    const record = (status: number) => {
      if (!principal) return
      return audit.record({ principal, action, target: c.req.path, from, status, note: c.get('note') ?? '' })
    }
    try {
      // No one is told apart by how long a look-up takes.
      authorize(action, principal, principal && route ? await placeOf(route.path, c.req.path, store) : undefined)
      refuseOtherSites(c.req)
    } catch (error) {
      await record(asAppError(error).status)
      throw error
    }
    if (principal) c.set('principal', principal)
    await next()
    await record(c.res.status)
    if (principal && c.res.body && !/^application\/(problem\+)?json/.test(c.res.headers.get('content-type') ?? '')) {
      // Streams and files of any length; what is one JSON text has been told by now.
      const ends = { revoked: access.revoked(principal), isExpired: () => access.isExpired(principal) }
      c.res = new Response(cutWhenRevoked(c.res.body, ends), c.res)
    }
    // Not for strangers: it tells them which faults to try.
    if (principal) c.header('lading-version', platform.version)
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
  })
}
