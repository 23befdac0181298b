import assert from 'node:assert/strict'
import { test } from 'node:test'
import { may, policy } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import { platformWide, type Role } from '../access/roles.ts'
import { tokenIn } from '../access/tokens.ts'
import {
  type AppName,
  parseBranchName,
  parseConfigKey,
  parseDomainName,
  parseNodeName,
  parseRunId,
  parseServiceName,
  production,
} from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { image, makeTestApi } from '../../test/doubles/api.ts'

const [shop, other] = ['shop' as AppName, 'other' as AppName]
const lines = Object.keys(policy).filter(line => !/^(git|token) /.test(line))

/** Two apps, each with a run, a domain, config and tokens; and everybody who could ask. */
async function world() {
  const test = await makeTestApi({ access: 'network' })
  const { store, accounts } = test
  for (const app of [shop, other]) {
    await store.createApp(app, 'ann', 1)
    await test.repositories.create(app, new AbortController().signal)
    test.repositories.addCommit(app, { files: { 'server.js': app } })
    const key = { app, environment: production }
    const run = { id: parseRunId(`run0000${app}`), intent: { kind: 'scale', formation: {} } as const, by: 'ann' }
    await store.insertRun({ ...key, ...run, reason: '', now: 1 })
    // Ended: the fake pipeline carries on whatever is followed.
    await store.advanceRun(run.id, 'queued', 'cancelled', { reason: 'over', now: 2 })
    await store.addDomain({ ...key, name: parseDomainName(`${app}.mine.example`), by: 'ann', at: 1 })
    await store.writeConfig(key, 1, { KEY: new Secret(`secret-of-${app}`) }, 'ann', 1)
    await store.saveImage(app, image, 1)
  }
  const service = {
    id: '0a0a0a0a',
    name: parseServiceName('db-of-shop'),
    kind: 'postgres',
    from: null,
    by: 'ann',
    at: 1,
  }
  await store.insertService(service)
  await store.noteService(service.id, { state: 'ready' })
  const attachment = {
    id: 'a1',
    service: service.id,
    variable: parseConfigKey('DATABASE_URL'),
    user: 'a_1',
    appSince: 1,
  }
  await store.addAttachment({ ...attachment, app: shop, environment: production, by: 'ann', at: 1 }, new Secret('pw'))
  const token = async (name: string, holder: string | { app: AppName; environment: typeof production }) =>
    accounts.create({ name, holder, by: 'test', expiresAt: null })
  const tokens = new Map<string, string>()
  const grants: [Role, AppName | null][] = [
    ...(['owner', 'operator', 'developer', 'viewer'] as const).map((role): [Role, null] => [role, null]),
    ...(['developer', 'viewer'] as const).flatMap(role => [shop, other].map((app): [Role, AppName] => [role, app])),
  ]
  for (const [role, app] of grants) {
    const name = app === null ? `the-${role}` : `${role}-${app}`
    await accounts.grant(name, { role, app }, 'test')
    tokens.set(name, (await token('t', name)).token.reveal())
  }
  for (const app of [shop, other])
    tokens.set(`robot-${app}`, (await token('ci', { app, environment: production })).token.reveal())
  const shopRobot = accounts.tokens().find(row => typeof row.holder !== 'string' && row.holder.app === shop)!
  const ask = (
    name: string,
    line: string,
    { app = shop, query = '', body = {} }: { app?: string; query?: string; body?: object } = {},
  ) => {
    const [method = '', path = ''] = line.split(' ')
    const address = path
      .replace(':app', app)
      .replace(':environment', 'production')
      .replace(':number', '1')
      .replace(':run', `run0000${app}`)
      .replace(':domain', `${app}.mine.example`)
      .replace(':token', shopRobot.id)
      .replace(':member', 'developer-shop')
      .replace(':certificate', '0000')
      .replace(':service', 'db-of-shop')
    return test.api.request(`${address}${query}`, {
      method,
      headers: { authorization: `Bearer ${tokens.get(name)}`, 'content-type': 'application/json' },
      ...(method !== 'GET' && { body: JSON.stringify(body) }),
    })
  }
  /** Everything that anybody could change. */
  const everything = async () => {
    const keys = [shop, other].map(app => ({ app, environment: production }))
    const configs = await Promise.all(keys.map(key => store.readConfig(key, 0)))
    return JSON.stringify([
      await Promise.all([store.listApps(), store.listEnvironments(), store.listDomains(), store.readSettings()]),
      await Promise.all(keys.map(key => store.listRuns(key, 100))),
      configs.map(({ version }) => version),
      [accounts.members(), accounts.tokens().map(({ usedAt: _, ...row }) => row)],
      await store.readAcme(),
      await Promise.all([store.listServices(), store.listAttachments()]),
      await Promise.all(
        keys.map(({ app }) => test.repositories.branch(app, parseBranchName('main'), new AbortController().signal)),
      ),
    ])
  }
  return { ...test, tokens, ask, everything, names: [...tokens.keys()] }
}

/** Bodies that name the app wherever a body can. */
const bodies: Readonly<Record<string, object>> = {
  'POST /v1/apps': { name: 'shop-two' },
  'DELETE /v1/apps/:app': { confirm: 'shop' },
  'POST /v1/tokens': { name: 'mine', app: 'shop' },
  'PUT /v1/members/:member': { role: 'developer', app: 'shop' },
  'PATCH /v1/apps/:app/environments/:environment/config': { KEY: 'stolen' },
  'POST /v1/apps/:app/environments/:environment/scale': { formation: { web: 9 } },
  'POST /v1/apps/:app/environments/:environment/domains': { name: 'new.mine.example' },
  'PATCH /v1/limits': { pids: '77' },
  'POST /v1/services': { kind: 'postgres', name: 'mine' },
  'DELETE /v1/services/:service': { confirm: 'db-of-shop' },
  'POST /v1/apps/:app/environments/:environment/services': { service: 'db-of-shop', as: 'STOLEN_URL' },
}

test('no one of another app reaches an app by any route: 404, the sentence of an app that is not there, nothing changed', async () => {
  const { names, ask, everything, tokens, api } = await world()
  for (const name of names.filter(name => name.endsWith('-other')))
    for (const line of lines.filter(line => /:app|:run/.test(line))) {
      const before = await everything()
      for (const query of ['', '?app=other', '?environment=production&app=other']) {
        const answer = await ask(name, line, { query, body: { ...bodies[line], app: 'other' } })
        const text = await answer.text()
        assert.equal(answer.status, 404, `${name}: ${line}${query}: ${text}`)
        const nowhere = await ask(name, line, { app: 'nowhere', query, body: bodies[line] ?? {} })
        assert.equal(text, (await nowhere.text()).replaceAll('nowhere', 'shop'), `${name}: ${line}`)
      }
      assert.ok((await everything()) === before, `${name}: ${line} changed something`)
    }
  const headers = { authorization: `Bearer ${tokens.get('developer-other')}` }
  for (const path of ['%73hop', 'shop%2F', 'other%2F..%2Fshop', 'shop%00', '..%2fshop', 'SHOP'])
    assert.equal((await api.request(`/v1/apps/${path}`, { headers })).status, 404, path)
})

test('ids of another app in a body or a list are not there either', async () => {
  const { names, ask, everything } = await world()
  for (const name of names.filter(name => name.endsWith('-other'))) {
    const before = await everything()
    const made = await ask(name, 'POST /v1/tokens', { body: bodies['POST /v1/tokens'] ?? {} })
    assert.ok([403, 404].includes(made.status), `${name}: ${made.status}`)
    assert.equal(made.status, name.startsWith('robot') ? 403 : 404)
    const gone = await ask(name, 'DELETE /v1/tokens/:token')
    assert.ok([403, 404].includes(gone.status), `${name}: ${gone.status}`)
    for (const line of [
      'GET /v1/apps',
      'GET /v1/domains',
      'GET /v1/tokens',
      'GET /v1/info',
      'GET /v1/version',
      'GET /v1/services',
    ])
      assert.doesNotMatch(await (await ask(name, line)).text(), /"shop|shop"|shop\.mine/, `${name}: ${line}`)
    const taken = await ask(name, 'POST /v1/apps/:app/environments/:environment/domains', {
      app: 'other',
      body: { name: 'shop.mine.example' },
    })
    assert.doesNotMatch(await taken.text(), /shop\/|--app shop/)
    // Attached to his own app, the database of the other's would be his.
    const attached = await ask(name, 'POST /v1/apps/:app/environments/:environment/services', {
      app: 'other',
      body: { service: 'db-of-shop' },
    })
    assert.ok([403, 404].includes(attached.status), `${name}: ${attached.status}`)
    assert.ok((await everything()) === before)
  }
})

test('on every route a role that the table does not name is refused, and nothing is changed', async () => {
  const { names, ask, everything, tokens, accounts } = await world()
  for (const name of names) {
    const principal = accounts.authenticate(tokenIn(`Bearer ${tokens.get(name)}`)) as Principal
    for (const line of lines) {
      const place = /:app|:run/.test(line) ? { app: shop, environment: production } : platformWide
      const isAllowed = may(line, principal, place)
      if (isAllowed && !line.startsWith('GET ')) continue
      const before = await everything()
      const answer = await ask(name, line, { body: bodies[line] ?? {} })
      if (isAllowed) assert.ok(![401, 403, 500].includes(answer.status), `${name}: ${line}: ${answer.status}`)
      else assert.ok([403, 404].includes(answer.status), `${name}: ${line}: ${answer.status}`)
      await answer.body?.cancel()
      assert.ok((await everything()) === before, `${name}: ${line} changed something`)
    }
  }
})

test('development and operation are apart: operators see no config value, developers no node', async () => {
  const { ask, world: running } = await world()
  for (const app of ['shop', 'other'])
    running.process(`${app}.1`, { node: parseNodeName('node-of-ops'), container: 'container-of-ops' })
  running.tasks.push({
    id: 't',
    slot: 1,
    node: 'node-of-ops',
    container: null,
    state: 'preparing',
    error: null,
    exitCode: null,
  })
  running.broken.add('container-of-ops')
  for (const name of ['the-developer', 'developer-shop', 'the-viewer', 'viewer-shop'])
    for (const line of lines.filter(line => line.startsWith('GET ') && !line.endsWith('/events'))) {
      const text = await (await ask(name, line)).text()
      assert.doesNotMatch(text, /node-of-ops|container-of-ops|"node":"one"/, `${name}: ${line}`)
    }
  const processes = 'GET /v1/apps/:app/environments/:environment/processes'
  assert.match(await (await ask('the-operator', processes)).text(), /node-of-ops/)
  for (const line of lines.filter(line => line.startsWith('GET '))) {
    const operator = await ask('the-operator', line)
    if (!line.endsWith('/events')) assert.doesNotMatch(await operator.text(), /secret-of/, line)
    else await operator.body?.cancel()
  }
  const config = 'GET /v1/apps/:app/environments/:environment/config'
  assert.equal((await ask('the-operator', config)).status, 403)
  assert.equal((await ask('viewer-shop', config)).status, 403)
  assert.match(await (await ask('developer-shop', config)).text(), /secret-of-shop/)
  assert.deepEqual(((await (await ask('developer-shop', 'GET /v1/version')).json()) as { nodes: [] }).nodes, [])
  assert.notDeepEqual(((await (await ask('the-operator', 'GET /v1/version')).json()) as { nodes: [] }).nodes, [])
})
