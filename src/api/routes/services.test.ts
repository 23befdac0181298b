import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goLive, makeTestApi, shop } from '../../../test/doubles/api.ts'
import { parseRunId } from '../../core/names.ts'
import type { AttachDocument, ConfigDocument, ServiceDocument } from '../documents.ts'
import type { Problem } from '../problem.ts'

const ofShop = '/apps/shop/environments/production'

async function given() {
  const parts = await makeTestApi()
  const { call, store } = parts
  await call('POST', '/apps', { name: 'shop' })
  await call('POST', '/services', { kind: 'postgres', name: 'db' })
  const row = (await store.listServices())[0]!
  const ready = () => store.noteService(row.id, { state: 'ready', reason: '' })
  const config = async () => (await call<ConfigDocument>('GET', `${ofShop}/config`)).body.values
  const problem = async (method: string, path: string, body?: unknown) => {
    const answer = await call<Problem>(method, path, body)
    return [answer.status, `${answer.body.detail} ${answer.body.hint ?? ''}`] as const
  }
  const deploy = async (id: string) => {
    const commit = 'c0ffee0000000000000000000000000000000000' as never
    const run = { id: parseRunId(id), intent: { kind: 'commit', commit } as const, by: 'ann', reason: 'x', now: 1 }
    return goLive(store, await store.insertRun({ ...shop, ...run }))
  }
  return { ...parts, ready, config, problem, deploy, row }
}

test('a service is made of a kind that there is, under a name that is free', async () => {
  const { call, problem } = await given()
  const { body } = await call<ServiceDocument>('GET', '/services/db')
  assert.deepEqual([body.state, body.title, body.attachments], ['creating', 'PostgreSQL 17', []])
  const asked = (service: object) => problem('POST', '/services', service)
  assert.match((await asked({ kind: 'oracle', name: 'x' }))[1], /no kind of service "oracle".*postgres/)
  assert.equal((await asked({ kind: 'postgres', name: 'db' }))[0], 409)
  assert.equal((await asked({ kind: 'postgres', name: 'Db' }))[0], 422)
  assert.match((await asked({ kind: 'postgres', name: 'x', from: 'lading-example.age' }))[1], /no backup of a service/)
  const missing = 'service-postgres-db-20260101T000000Z.age'
  assert.equal((await asked({ kind: 'postgres', name: 'x', from: missing }))[0], 404)
})

test('attached: the variable and who it belongs to stand in one config version, and its run says so', async () => {
  const { call, ready, config, problem, deploy, row } = await given()
  assert.equal((await problem('POST', `${ofShop}/services`, { service: 'db' }))[0], 409)
  await ready()
  await deploy('run00001')
  const { status, body } = await call<AttachDocument>('POST', `${ofShop}/services`, { service: 'db' })
  assert.deepEqual([status, body.variable], [202, 'DATABASE_URL'])
  assert.equal((body.run?.intent as { summary: string }).summary, 'Attach db as DATABASE_URL')
  assert.deepEqual(await config(), {
    DATABASE_URL: `postgres://${body.user}:secret@db:5432/app`,
    LADING_SERVICES: `db-${row.id}/${body.user}`,
  })
  const again = await call<AttachDocument>('POST', `${ofShop}/services`, { service: 'db', as: 'OTHER_URL' })
  assert.deepEqual([again.body.variable, again.body.user], ['DATABASE_URL', body.user])
  assert.match((await problem('PATCH', `${ofShop}/config`, { DATABASE_URL: 'x' }))[1], /set by the attachment of db/)
  assert.match((await problem('PATCH', `${ofShop}/config`, { LADING_SERVICES: 'x/y' }))[1], /not a valid config key/)
  const [code, said] = await problem('DELETE', '/services/db', { confirm: 'db' })
  assert.deepEqual([code, /db is attached to shop\/production .*detach db --app shop/.test(said)], [409, true])
})

test('a variable that someone has set is not taken', async () => {
  const { call, ready, problem } = await given()
  await ready()
  await call('PATCH', `${ofShop}/config`, { DATABASE_URL: 'postgres://elsewhere' })
  assert.match((await problem('POST', `${ofShop}/services`, { service: 'db' }))[1], /DATABASE_URL is set already/)
  const { body } = await call<AttachDocument>('POST', `${ofShop}/services`, { service: 'db', as: 'DB_URL' })
  assert.deepEqual([body.variable, body.run], ['DB_URL', null])
})

test('detached: the config has nothing of it, the pair waits for its end, and then the service may go', async () => {
  const { call, store, ready, config, problem } = await given()
  await ready()
  await call('POST', `${ofShop}/services`, { service: 'db' })
  const { status } = await call('DELETE', `${ofShop}/services/db`)
  assert.equal(status, 202)
  assert.deepEqual(await config(), {})
  assert.equal((await problem('DELETE', '/services/db', { confirm: 'db' }))[0], 409)
  const [attachment] = await store.listAttachments()
  assert.equal(attachment?.wanted, false)
  await store.removeAttachment(attachment.id)
  assert.equal((await problem('DELETE', `${ofShop}/services/db`))[0], 404)
  assert.equal((await problem('DELETE', '/services/db', { confirm: 'shop' }))[0], 422)
  assert.equal((await call('DELETE', '/services/db', { confirm: 'db' })).status, 200)
  assert.equal((await problem('GET', '/services/db'))[0], 404)
  assert.deepEqual(
    (await call<ServiceDocument[]>('GET', '/services')).body.map(({ state }) => state),
    ['destroyed'],
  )
})
