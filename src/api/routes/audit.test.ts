import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy } from '../../access/policy.ts'
import type { AppName } from '../../core/names.ts'
import type { AuditRow } from '../../store/audit-store.ts'
import { makeTestApi } from '../../../test/doubles/api.ts'

const shop = 'shop' as AppName
const owner = '0f'.repeat(32)

async function recorded() {
  const rig = await makeTestApi({ access: 'network' })
  await rig.store.createApp(shop, 'ann', 1)
  await rig.accounts.grant('ann', { role: 'viewer', app: shop }, 'test')
  const { token, row } = await rig.accounts.create({ name: 't', holder: 'ann', by: 'test', expiresAt: null })
  const ask = (token: string, line: string, body?: object, headers: Record<string, string> = {}) => {
    const [method = '', path = ''] = line.split(' ')
    return rig.api.request(path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'x-forwarded-for': '192.0.2.9',
        ...headers,
      },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
    })
  }
  const records = async (query = '') => {
    const text = await (await ask(owner, `GET /v1/audit${query}`)).text()
    return text
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as AuditRow)
  }
  return { ...rig, ask, records, ann: token.reveal(), id: row.id }
}

test('who did what, from where, with what and when is on record, without values', async () => {
  const { ask, records, ann, id } = await recorded()
  await ask(owner, 'PATCH /v1/apps/shop/environments/production/config', { KEY: 'hidden-value' })
  await ask(owner, 'PUT /v1/members/bob', { role: 'viewer', app: 'shop' })
  await ask(
    ann,
    'PATCH /v1/apps/shop/environments/production/config',
    { KEY: 'x' },
    { 'x-forwarded-for': '2001:db8::1' },
  )
  await ask(owner, 'GET /v1/apps/shop/environments/production/config')
  await ask(ann, 'GET /v1/apps/shop')
  await ask('nobody', 'DELETE /v1/apps/shop', { confirm: 'shop' })
  const rows = await records()
  const answers = rows.map(({ who, credential, from, action, status, note }) =>
    [who, credential, from, action.replace('/apps/:app/environments/:environment', ''), status, note].join(' '),
  )
  assert.deepEqual(answers, [
    'owner token file 192.0.2.9 PATCH /v1/config 200 KEY',
    'owner token file 192.0.2.9 PUT /v1/members/:member 200 viewer of shop',
    `ann token ${id} 2001:db8::1 PATCH /v1/config 403 `,
    'owner token file 192.0.2.9 GET /v1/config 200 ',
  ])
  assert.doesNotMatch(JSON.stringify(rows), /hidden-value/)
  assert.equal(rows[0]?.target, '/v1/apps/shop/environments/production/config')
  assert.deepEqual(
    (await records('?tail=1')).map(({ seq }) => seq),
    [4],
  )
})

test("an address that is not the edge's own word is not believed", async () => {
  const { ask, records } = await recorded()
  for (const claimed of ['10.0.0.1, 192.0.2.9', 'localhost', '', '127.0.0.1\u00a0', '<script>'])
    await ask(owner, 'PUT /v1/members/bob', { role: 'viewer' }, { 'x-forwarded-for': claimed })
  assert.deepEqual(new Set((await records()).map(({ from }) => from)), new Set(['unknown']))
})

test('every route that changes something leaves a record, whatever becomes of it', async () => {
  const { ask, records } = await recorded()
  const changing = Object.keys(policy).filter(line => /^(POST|PUT|PATCH|DELETE) /.test(line))
  for (const line of changing)
    await (await ask(owner, line.replace(':app', 'nowhere').replaceAll(':', ''))).body?.cancel()
  assert.deepEqual(
    (await records()).map(({ action }) => action),
    changing,
  )
})

test('a record that cannot be written is reported, and the answer stands', async () => {
  const { ask, store, reported } = await recorded()
  store.appendAudit = () => Promise.reject(new Error('the disk is full'))
  assert.equal((await ask(owner, 'PUT /v1/members/bob', { role: 'viewer' })).status, 200)
  assert.match(reported[0]?.message ?? '', /disk is full/)
})

test('developers and viewers do not read the record, and no one changes it', async () => {
  const { ask, ann } = await recorded()
  assert.equal((await ask(ann, 'GET /v1/audit')).status, 403)
  assert.deepEqual(
    Object.keys(policy).filter(line => line.includes('audit')),
    ['GET /v1/audit'],
  )
})
