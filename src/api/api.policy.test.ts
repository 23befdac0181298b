import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy } from '../access/policy.ts'
import { tokenAccess } from '../access/tokens.ts'
import { Secret } from '../core/secret.ts'
import { makeTestApi } from '../../test/doubles/api.ts'

const token = 'f'.repeat(64)
const access = tokenAccess([{ name: 'owner', token: new Secret(token) }])

test('every route has a line in the policy table, and every line of HTTP a route', async () => {
  const { api } = await makeTestApi()
  const routes = new Set(
    api.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`),
  )
  const lines = Object.keys(policy).filter(line => !/^(git|token) /.test(line))
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
  for (const line of Object.keys(policy).filter(line => policy[line] !== 'anyone' && !/^(git|token) /.test(line))) {
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

test('no route that changes something takes what a page of another site can send, nor what a browser says comes from one', async () => {
  const { api } = await makeTestApi({ access })
  const changing = Object.keys(policy).filter(line => /^(POST|PUT|PATCH|DELETE) /.test(line))
  assert.ok(changing.length > 10)
  const json = { 'content-type': 'application/json' }
  const simple = [
    'text/plain',
    'text/plain; application/json',
    'application/x-www-form-urlencoded',
    'text/plain;a=application/json',
  ]
  const tries: Record<string, string>[] = [
    {},
    { 'content-type': '' },
    { 'content-type': 'multipart/form-data; boundary=application/json' },
    { 'content-type': 'application/jsonp' },
    ...simple.map(type => ({ 'content-type': type })),
    { ...json, origin: 'https://evil.example' },
    { ...json, origin: 'null' },
    ...['cross-site', 'same-site', 'same-origin', 'cross-origin'].map(site => ({ ...json, 'sec-fetch-site': site })),
  ]
  for (const line of changing.filter(line => policy[line] !== 'root')) {
    const [method = '', path = ''] = line.split(' ')
    for (const headers of tries) {
      const sent = { method, headers: { authorization: `Bearer ${token}`, ...headers } }
      const response = await api.request(path.replaceAll(':', ''), sent)
      const { detail } = (await response.json()) as { detail: string }
      assert.match(detail, /the body must be JSON|pages in a browser/, `${line} ${JSON.stringify(headers)}: ${detail}`)
      assert.ok([400, 403, 422].includes(response.status), String(response.status))
    }
  }
  const cleaned = await api.request('/v1/clean', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...json },
  })
  assert.equal(cleaned.status, 200)
})

test('a stranger is not told which version this is', async () => {
  const { api } = await makeTestApi({ access })
  for (const path of ['/v1/healthz', '/v1/info', '/', '/v1/nowhere'])
    assert.equal((await api.request(path)).headers.get('lading-version'), null, path)
  const known = await api.request('/v1/healthz', { headers: { authorization: `Bearer ${token}` } })
  assert.notEqual(known.headers.get('lading-version'), null)
})

test('a member needs a proof for a foreign name, and root on the server none; a CA in an inner network is named by root only', async () => {
  const sent = (body: object) => ({
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const path = '/v1/apps/shop/environments/production/domains'
  const byToken = await makeTestApi({ access })
  await byToken.store.createApp('shop' as never, 'ann', 1)
  for (const name of ['bank.example', '*.bank.example', 'www.bank.example.']) {
    const refused = await byToken.api.request(path, sent({ name }))
    assert.equal(refused.status, 403, name)
    assert.match(await refused.text(), /not proven to be yours/)
  }
  assert.deepEqual(await byToken.store.listDomains(), [])
  assert.equal((await byToken.api.request(path, sent({ name: 'mine.example' }))).status, 201)
  // Proven once: looked at again silently.
  assert.equal((await byToken.api.request(path, sent({ name: 'mine.example' }))).status, 201)
  const acme = { ...sent({ directory: 'https://10.0.0.1/dir', isInternal: true }), method: 'PUT' }
  assert.match(await (await byToken.api.request('/v1/acme', acme)).text(), /only root on the server/)
  const byRoot = await makeTestApi()
  await byRoot.store.createApp('shop' as never, 'ann', 1)
  assert.equal((await byRoot.api.request(path, sent({ name: 'bank.example' }))).status, 201)
  assert.equal((await byRoot.api.request('/v1/acme', acme)).status, 200)
})
