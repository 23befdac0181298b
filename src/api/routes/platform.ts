import type { Hono } from 'hono'
import { nameOf } from '../../access/principal.ts'
import { operates } from '../../access/roles.ts'
import { AppError } from '../../core/errors.ts'
import type { CleanedDocument, InfoDocument, VersionDocument } from '../documents.ts'
import { metricsText } from '../metrics.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

export function platformRoutes(api: Hono<ApiEnv>, { store, platform, pipeline }: ApiParts): void {
  /** Healthy: the store answers. Says nothing that a stranger should not know. */
  api.get('/v1/healthz', async c => {
    await store.openRuns()
    return c.json({ status: 'ok' })
  })

  api.get('/v1/info', c => {
    const { version, baseDomain, url, ca } = platform
    const you = nameOf(c.get('principal'))
    const isOperator = operates(c.get('principal'))
    return c.json({ version, baseDomain, url, gitUrl: url, ca, you, operates: isOperator } satisfies InfoDocument)
  })

  api.get('/v1/version', async c => {
    const { version, build, loop } = platform
    // Nodes are the operators' business.
    if (!operates(c.get('principal'))) return c.json({ version, build, nodes: [] } satisfies VersionDocument)
    const nodes = await platform.nodes(c.req.raw.signal)
    return c.json({ version, build, nodes, ...(loop ? { loop: loop() } : {}) } satisfies VersionDocument)
  })

  /** For a collector of numbers: nothing of apps, but all of the platform, so for operators. */
  api.get('/v1/metrics', async c => {
    const { version, build, loop, freeBytes } = platform
    const [nodes, openRuns, diskFreeBytes] = await Promise.all([
      platform.nodes(c.req.raw.signal),
      store.openRuns(),
      freeBytes?.().catch(() => null) ?? null,
    ])
    const residentBytes = process.memoryUsage.rss()
    const facts = { version, build, loop: loop?.() ?? null, residentBytes, diskFreeBytes, nodes }
    const text = metricsText({ ...facts, openRuns: openRuns.length })
    return c.text(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })

  /** What the control plane does every hour by itself. */
  api.post('/v1/clean', async c => {
    const cleaned = await pipeline.clean()
    if (cleaned !== null) return c.json(cleaned satisfies CleanedDocument)
    throw new AppError('conflict', 'a build or a clean-up is running, and images are removed only while none is', {
      hint: 'Try again when "lading status" shows no build; the platform cleans up by itself every hour.',
      retryable: true,
    })
  })
}
