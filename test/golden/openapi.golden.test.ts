import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { z } from 'zod'
import { answerSchemas } from '../../scripts/answer-schemas.ts'
import { policy } from '../../src/access/policy.ts'
import { openApiDocument, referenceDocument } from '../../src/api/openapi/document.ts'
import { describedRoutes } from '../../src/api/openapi/routes.ts'
import { goLive, makeTestApi, shop } from '../doubles/api.ts'

const routes = Object.entries(describedRoutes).map(([route, words]) => {
  const [method = '', path = ''] = route.split(' ')
  return { route, method, path, words }
})
const addressOf = (path: string) =>
  path.replace(':app', 'shop').replace(':environment', 'production').replace(':number', 'v1').replace(/:\w+/, 'x')

test('every route of the API is described, and nothing else is', async () => {
  const { api } = await makeTestApi()
  const own = api.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual(Object.keys(describedRoutes).sort(), [...new Set(own)].sort())
  const lines = Object.keys(policy).filter(line => !/^(git|token) /.test(line))
  assert.deepEqual(Object.keys(describedRoutes).sort(), lines.sort())
})

test('the answers are described as the types say that the code is checked against', async () => {
  const kept = await readFile(new URL('../../src/api/openapi/answers.json', import.meta.url), 'utf8')
  assert.deepEqual(JSON.parse(kept), JSON.parse(JSON.stringify(answerSchemas())))
})

test('docs/reference/openapi.json is what the code makes, and the API serves the same', async () => {
  const kept = await readFile(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8')
  assert.equal(kept, referenceDocument())
  const { api, place } = await makeTestApi()
  const served = (await (await api.request('/v1/openapi.json')).json()) as object
  assert.deepEqual(served, JSON.parse(JSON.stringify(openApiDocument({ version: '0.1.0', url: place.url }))))
})

test('each route reads its input by the schema that is described, and no other reads any', async t => {
  const { api, call } = await makeTestApi()
  await call('POST', '/apps', { name: 'shop' })
  const seen = new Set<z.ZodType>()
  const schemas = new Set(routes.flatMap(({ words }) => [words.body, words.query].filter(one => one !== undefined)))
  for (const schema of schemas) {
    const parse = schema.safeParse.bind(schema)
    t.mock.method(schema, 'safeParse', (input: unknown) => {
      seen.add(schema)
      return parse(input)
    })
  }
  const input: Readonly<Record<string, RequestInit>> = {
    query: { method: 'GET' },
    body: { headers: { 'content-type': 'application/json' }, body: '["nonsense"]' },
  }
  const skipped = ['/v1/runs/:run/events']
  for (const { route, method, path, words } of routes.filter(({ path }) => !skipped.includes(path))) {
    seen.clear()
    const sent = method === 'GET' ? input['query'] : input['body']
    const answer = await api.request(`${addressOf(path)}${method === 'GET' ? '?nonsense=1' : ''}`, { ...sent, method })
    await answer.body?.cancel()
    const wanted = [words.body, words.query].filter(one => one !== undefined)
    assert.deepEqual([...seen], wanted, route)
    if (wanted.length > 0) assert.equal(answer.status, 422, route)
  }
})

test('what routes answer is what is described', async () => {
  const { call, api, store, repositories, world } = await makeTestApi()
  const described = openApiDocument({ version: '0', url: 'https://lading.example.com' })
  const { schemas } = described['components'] as { schemas: Record<string, unknown> }
  const paths = described['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>
  await call('POST', '/apps', { name: 'shop' })
  await call('POST', '/services', { kind: 'postgres', name: 'db' })
  repositories.addTag(shop.app, 'one', repositories.addCommit(shop.app, { files: { a: '1' } }))
  const { body } = await call<{ run: { id: string } }>('POST', '/apps/shop/environments/production/deploy', {
    commit: 'one',
  })
  await goLive(store, (await store.findRun(body.run.id as never))!)
  world.process('web.1')
  let compared = 0
  for (const { route, path, words } of routes.filter(({ method, words }) => method === 'GET' && !words.gives)) {
    const address = addressOf(path.replace(':run', body.run.id).replace(':service', 'db'))
    const answer = await api.request(address)
    assert.equal(answer.status, 200, `${route}: ${await answer.clone().text()}`)
    const at = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.['get']?.responses['200']
    const { content } = at as { content: Record<string, { schema: object }> }
    const schema = content['application/json']?.schema
    const reads = z.fromJSONSchema({ ...inDefinitions({ ...schema, $defs: schemas }) })
    const result = reads.safeParse(await answer.json())
    assert.ok(result.success, `${route}: ${result.error?.message}`)
    assert.equal(words.statuses, undefined, route)
    compared++
  }
  assert.ok(compared > 15)
})

/** References as `fromJSONSchema` takes them. */
function inDefinitions(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/')) as object
}
