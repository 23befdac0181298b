import type { Hono } from 'hono'
import { nameOf } from '../access/principal.ts'
import type { InfoDocument } from './documents.ts'
import type { ApiEnv, ApiParts } from './parts.ts'

export function platformRoutes(api: Hono<ApiEnv>, { store, platform }: ApiParts): void {
  /** Healthy: the store answers. Says nothing that a stranger should not know. */
  api.get('/v1/healthz', async c => {
    await store.openRuns()
    return c.json({ status: 'ok' })
  })

  api.get('/v1/info', c => {
    const { version, baseDomain, url, ca } = platform
    const you = nameOf(c.get('principal'))
    return c.json({ version, baseDomain, url, gitUrl: url, ca, you } satisfies InfoDocument)
  })
}
