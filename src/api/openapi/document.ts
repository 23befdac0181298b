import { z } from 'zod'
import answered from './answers.json' with { type: 'json' }
import { describedRoutes, type RouteDescription } from './routes.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * The API as OpenAPI 3.1: input from the schemas that the routes read it by, answers from the types that their code is checked
 * against (scripts/answer-schemas.ts).
 */
export function openApiDocument({ version, url }: { readonly version: string; readonly url: string }): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const [route, words] of Object.entries(describedRoutes)) {
    const [method = '', path = ''] = route.split(' ')
    const operations = (paths[path.replaceAll(/:(\w+)/g, '{$1}')] ??= {})
    operations[method.toLowerCase()] = operation(route, words)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lading',
      version,
      description: 'What is not GET says content-type: application/json, also where its body is empty.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'One of "lading tokens"' } },
      responses: {
        problem: {
          description: 'It was not done: `code` for programs, `detail` and `hint` for people (RFC 9457)',
          content: { 'application/problem+json': { schema: answered.answers.problem } },
        },
      },
      schemas: answered.schemas,
    },
  }
}

function operation(route: string, words: RouteDescription): Json {
  const [method = '', path = ''] = route.split(' ')
  const parameters = [...pathParameters(path), ...(words.query ? queryParameters(words.query) : [])]
  const answer = (answered.answers as Readonly<Record<string, Json>>)[route]
  const content = { [words.gives ?? 'application/json']: answer ? { schema: answer } : {} }
  return {
    operationId: operationId(method, path),
    summary: words.summary,
    ...(route === 'GET /v1/healthz' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(method !== 'GET' && { requestBody: requestBody(words) }),
    responses: {
      ...Object.fromEntries(
        (words.statuses ?? [200]).map(status => [status, { description: 'Done', content: content }]),
      ),
      default: { $ref: '#/components/responses/problem' },
    },
  }
}

/** `GET /v1/apps/:app/environments/:environment/runs` → `getAppsAppEnvironmentsEnvironmentRuns`. */
function operationId(method: string, path: string): string {
  const words = path.replace('/v1/', '').split(/\W+/).filter(Boolean)
  return [method.toLowerCase(), ...words.map(word => word.charAt(0).toUpperCase() + word.slice(1))].join('')
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(query: z.ZodType): Json[] {
  const { properties = {}, required = [] } = inputSchema(query) as {
    properties?: Readonly<Record<string, Json>>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

function requestBody({ body, takes }: RouteDescription): Json {
  if (takes !== undefined) return { required: true, content: { [takes]: {} } }
  const none = { type: 'object', additionalProperties: false }
  const schema = body ? inputSchema(body) : none
  return { required: body !== undefined, content: { 'application/json': { schema } } }
}

function inputSchema(schema: z.ZodType): Json {
  const own = Object.entries(z.toJSONSchema(schema, { io: 'input' }))
  return Object.fromEntries(own.filter(([name]) => name !== '$schema'))
}

/** docs/reference/openapi.json: `npm run -s node src/api/openapi/document.ts > docs/reference/openapi.json`. */
export function referenceDocument(): string {
  return `${JSON.stringify(openApiDocument({ version: '0', url: 'https://lading.example.com' }), null, 2)}\n`
}

if (import.meta.main) process.stdout.write(referenceDocument())
