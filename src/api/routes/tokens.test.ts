import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AppName, production } from '../../core/names.ts'
import { systemClock } from '../../core/system.ts'
import type { MemberRemovalDocument, TokenDocument } from '../documents.ts'
import { makeTestApi } from '../../../test/doubles/api.ts'

const shop = 'shop' as AppName

async function withMembers() {
  const clock = { ...systemClock, at: 1_800_000_000_000, now: () => clock.at }
  const rig = await makeTestApi({ access: 'network', clock })
  await rig.store.createApp(shop, 'ann', 1)
  await rig.accounts.grant('ann', { role: 'developer', app: shop }, 'test')
  await rig.accounts.grant('bob', { role: 'viewer', app: shop }, 'test')
  const ask = (token: string, method: string, path: string, body?: object) =>
    rig.api.request(`/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
    })
  const tokenOf = async (holder: string, expiresAt: number | null = null) => {
    const { token, row } = await rig.accounts.create({ name: 't', holder, by: 'test', expiresAt })
    return { token: token.reveal(), id: row.id }
  }
  return { ...rig, clock, ask, tokenOf }
}

const logs = '/apps/shop/environments/production/logs?follow=1'

test('a token is in the answer that makes it and nowhere else; the store has its hash alone', async () => {
  const { ask, tokenOf, store } = await withMembers()
  const ann = await tokenOf('ann')
  const answer = await ask(ann.token, 'POST', '/tokens', { name: 'laptop', expiresIn: 90 * 86_400 })
  const made = (await answer.json()) as TokenDocument & { token: string }
  assert.equal(answer.status, 201)
  assert.match(made.token, /^lading_[0-9a-f]{64}$/)
  assert.equal(made.member, 'ann')
  assert.equal(made.expiresAt, 1_800_000_000_000 + 90 * 86_400_000)
  assert.equal((await ask(made.token, 'GET', '/info')).status, 200)
  const list = await (await ask(ann.token, 'GET', '/tokens')).text()
  assert.ok(!list.includes(made.token) && !list.includes('hash'))
  assert.ok(!JSON.stringify(await store.readAccess()).includes(made.token))
  const row = (JSON.parse(list) as TokenDocument[]).find(({ id }) => id === made.id)
  assert.equal(row?.usedAt, 1_800_000_000_000)
})

test('a token that has expired is no one, and makes none that outlives it', async () => {
  const { ask, tokenOf, clock } = await withMembers()
  const ann = await tokenOf('ann', clock.at + 100_000)
  for (const expiresIn of [null, 86_400]) {
    const answer = await ask(ann.token, 'POST', '/tokens', { name: `n${expiresIn}`, expiresIn })
    assert.equal(((await answer.json()) as TokenDocument).expiresAt, clock.at + 100_000)
  }
  clock.at += 100_000
  assert.equal((await ask(ann.token, 'GET', '/info')).status, 401)
})

test('a revoked token is dead at once, and so is a stream that is open with it', async () => {
  const { ask, tokenOf, world } = await withMembers()
  const [ann, again] = [await tokenOf('ann'), await tokenOf('bob')]
  world.log(world.process('web.1').container, '2026-11-24T10:00:00Z', 'hello')
  const stream = (await ask(ann.token, 'GET', logs)).body!.getReader()
  assert.match(Buffer.from((await stream.read()).value).toString(), /hello/)
  assert.ok(world.readers > 0)
  const pending = stream.read()
  assert.equal((await ask(again.token, 'DELETE', `/tokens/${ann.id}`)).status, 404)
  assert.equal((await ask(ann.token, 'DELETE', `/tokens/${ann.id}`)).status, 200)
  await assert.rejects(pending, /revoked/)
  assert.equal((await ask(ann.token, 'GET', '/info')).status, 401)
  assert.equal((await ask(again.token, 'GET', '/info')).status, 200)
})

test('a role that is taken back ends what is open under it, and a role given changes no one else', async () => {
  const { ask, tokenOf, world, accounts } = await withMembers()
  const [ann, bob] = [await tokenOf('ann'), await tokenOf('bob')]
  world.log(world.process('web.1').container, '2026-11-24T10:00:00Z', 'hello')
  const [one, two] = await Promise.all([ask(ann.token, 'GET', logs), ask(bob.token, 'GET', logs)])
  const [first, second] = [one.body!.getReader(), two.body!.getReader()]
  await Promise.all([first.read(), second.read()])
  const [cut, goesOn] = [first.read(), second.read()]
  await accounts.withdraw('ann', { role: 'developer', app: shop })
  await assert.rejects(cut, /changed/)
  assert.equal((await ask(ann.token, 'GET', '/apps/shop')).status, 404)
  world.log('c-web.1-1', '2026-11-24T10:00:01Z', 'more')
  assert.match(Buffer.from((await goesOn).value).toString(), /more/)
  await second.cancel()
})

test('a deploy token deploys its environment, reads its runs, and nothing else', async () => {
  const { ask, accounts, repositories } = await withMembers()
  const holder = { app: shop, environment: production }
  const { token } = await accounts.create({ name: 'ci', holder, by: 'ann', expiresAt: null })
  const robot = token.reveal()
  await repositories.create(shop, new AbortController().signal)
  const commit = repositories.addCommit(shop, { files: { 'server.js': '1' } })
  const deployed = await ask(robot, 'POST', '/apps/shop/environments/production/deploy', { commit })
  assert.equal(deployed.status, 202)
  const { run } = (await deployed.json()) as { run: { id: string; by: string } }
  assert.equal(run.by, 'robot/ci')
  assert.equal((await ask(robot, 'GET', `/runs/${run.id}`)).status, 200)
  assert.equal((await ask(robot, 'POST', '/apps/shop/environments/staging/deploy', {})).status, 404)
  for (const path of ['/apps', '/tokens', '/members', '/apps/shop/environments/production/config'])
    assert.equal((await ask(robot, 'GET', path)).status, 403, path)
})

test('roles and tokens on an app go with it: a new app of its name is no one of before', async () => {
  const { ask, tokenOf, accounts, store, call } = await withMembers()
  const ann = await tokenOf('ann')
  await accounts.create({ name: 'ci', holder: { app: shop, environment: production }, by: 'ann', expiresAt: null })
  await store.markAppDestroyed(shop, 2)
  await store.removeApp(shop)
  const owner = '0f'.repeat(32)
  assert.equal((await ask(owner, 'POST', '/apps', { name: 'shop' })).status, 201)
  assert.equal((await ask(ann.token, 'GET', '/apps/shop')).status, 404)
  assert.deepEqual(
    accounts.tokens().map(({ holder }) => holder),
    ['ann'],
  )
  assert.equal((await call('GET', '/apps')).status, 401)
})

test("only owners change members, and the server's own owner stays", async () => {
  const { ask, tokenOf, accounts } = await withMembers()
  const ann = await tokenOf('ann')
  assert.equal((await ask(ann.token, 'PUT', '/members/ann', { role: 'owner' })).status, 403)
  assert.equal((await ask(ann.token, 'POST', '/tokens', { name: 'x', member: 'owner' })).status, 403)
  const owner = '0f'.repeat(32)
  assert.equal((await ask(owner, 'PUT', '/members/carl', { role: 'owner' })).status, 200)
  const carl = await tokenOf('carl')
  assert.equal((await ask(carl.token, 'DELETE', '/members/owner', {})).status, 409)
  assert.equal((await ask(carl.token, 'DELETE', '/members/ann', {})).status, 200)
  assert.equal((await ask(ann.token, 'GET', '/info')).status, 401)
  assert.deepEqual(
    accounts.members().map(({ name }) => name),
    ['bob', 'carl', 'owner'],
  )
})

test('who takes a member away is told of the tokens which that member has made for programs', async () => {
  const { ask, tokenOf, accounts } = await withMembers()
  await accounts.grant('olga', { role: 'owner', app: null }, 'test')
  const [ann, olga] = [await tokenOf('ann'), await tokenOf('olga')]
  await ask(ann.token, 'POST', '/tokens', { name: 'laptop' })
  await ask(ann.token, 'POST', '/tokens', { name: 'ci', app: 'shop' })
  const answer = await ask(olga.token, 'DELETE', '/members/ann')
  const { left } = (await answer.json()) as MemberRemovalDocument
  assert.deepEqual(
    left.map(({ name, app }) => [name, app]),
    [['ci', 'shop']],
  )
})
