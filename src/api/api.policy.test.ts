import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy } from '../access/policy.ts'
import { tokenAccess } from '../access/tokens.ts'
import { Secret } from '../core/secret.ts'
import { makeTestApi } from './test-api.ts'

const token = 'f'.repeat(64)
const access = tokenAccess([{ name: 'owner', token: new Secret(token) }])

test('every route has a line in the policy table, and every line of HTTP a route', async () => {
  const { api } = await makeTestApi()
  const routes = new Set(
    api.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`),
  )
  const lines = Object.keys(policy).filter(line => !line.startsWith('git '))
  assert.deepEqual([...routes].sort(), lines.sort())
})

test('a route that was forgotten in the table is closed', async () => {
  const { api } = await makeTestApi()
  api.get('/v1/secrets', c => c.text('told'))
  const response = await api.request('/v1/secrets')
  assert.equal(response.status, 403)
})

test('without a token nothing is told but health, and every address looks alike', async () => {
  const { api, store } = await makeTestApi({ access })
  await store.createApp('shop' as never, 'ann', 1)
  for (const line of Object.keys(policy).filter(line => policy[line] !== 'anyone' && !line.startsWith('git '))) {
    const [method = '', path = ''] = line.split(' ')
    const address = path.replace(':app', 'shop').replace(':environment', 'production').replace(':number', '1')
    for (const authorization of [undefined, 'Bearer wrong', 'Basic Og=='])
      for (const at of [address.replace(':run', 'run00001'), '/v1/nowhere', '/']) {
        const response = await api.request(at, { method, headers: authorization ? { authorization } : {} })
        assert.equal(response.status, 401, `${method} ${at}`)
        assert.match(response.headers.get('www-authenticate') ?? '', /^Basic realm/)
        assert.equal(((await response.json()) as { code: string }).code, 'not-authenticated')
      }
  }
  assert.equal((await api.request('/v1/healthz')).status, 200)
  assert.equal((await api.request('/v1/apps', { headers: { authorization: `Bearer ${token}` } })).status, 200)
})
