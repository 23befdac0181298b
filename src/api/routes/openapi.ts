import type { Hono } from 'hono'
import { openApiDocument } from '../openapi/document.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

/** What clients are generated from. */
export function openApiRoutes(api: Hono<ApiEnv>, { platform }: ApiParts): void {
  api.get('/v1/openapi.json', c => c.json(openApiDocument(platform)))
}
