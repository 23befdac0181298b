import assert from 'node:assert/strict'
import { FakeBackups } from '../../test/doubles/backups.ts'
import { createServer } from 'node:http'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { OperatorLimits } from '../pipeline/operator-limits.ts'
import { Audit } from '../access/audit.ts'
import { Accounts } from '../access/accounts.ts'
import { tokenAccess } from '../access/tokens.ts'
import { createApi } from '../api/api.ts'
import { fakeCertificates, fakeServices } from '../../test/doubles/api.ts'
import { FakeBuilder } from '../../test/doubles/builder.ts'
import { createGitListener } from '../commit/http/listener.ts'
import { gitProgram } from '../commit/git/program.ts'
import { GitRepositories } from '../commit/git/repositories.ts'
import { environmentLabels } from '../core/labels.ts'
import { parseHostName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { systemClock, systemIds } from '../core/system.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import { FakeEdges } from '../../test/doubles/edges.ts'
import { Dispatcher } from '../pipeline/dispatcher.ts'
import { Ejector } from '../pipeline/eject.ts'
import { spaceNetwork } from '../rollout/spec.ts'
import { gitAccess } from '../server/git-access.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { CliRig } from '../../test/doubles/cli-rig.ts'

const token = 'f'.repeat(64)
const hooks = join(import.meta.dirname, '../../images/control/hooks')

/** The control plane as server/wiring.ts puts it together, with a cluster, edges and a builder in memory. */
async function platformOf(t: TestContext, rig: CliRig): Promise<string> {
  const stop = new AbortController()
  const cluster = new FakeCluster({ clock: systemClock })
  const edges = new FakeEdges({ clock: systemClock, processes: cluster.processes }).edges()
  const engine = cluster.engine()
  const store = await openSqliteStore({ path: join(rig.folder, 'lading.db'), dataKey: new Secret('5a'.repeat(32)) })
  const repositories = new GitRepositories(gitProgram({ root: join(rig.folder, 'git'), hooks }))
  const log = () => undefined
  const common = { store, edges, engine, repositories, clock: systemClock }
  const builder = new FakeBuilder(systemClock)
  const limits = await OperatorLimits.open(store, log)
  const pipeline = new Dispatcher(
    {
      ...common,
      builder,
      ids: systemIds,
      limits: limits.current,
      seal: text => new TextEncoder().encode(text),
      urlOf: host => `https://${host}`,
      hosts: ({ app }) => [parseHostName(`${app}.example.test`)],
      certify: () => Promise.resolve(),
      forgetStrangers: () => Promise.resolve(),
      quiet: () => Promise.resolve(),
      forgetLines: () => Promise.resolve(),
      network: key => [spaceNetwork(key), environmentLabels(key)],
      log,
    },
    stop.signal,
  )
  const file = tokenAccess([{ name: 'owner', token: new Secret(token) }])
  const access = await Accounts.open({ store, clock: systemClock, file, report: error => assert.fail(String(error)) })
  const audit = new Audit(store, systemClock, error => assert.fail(String(error)))
  const git = createGitListener({
    ...common,
    pipeline,
    runDir: join(rig.folder, 'run'),
    log,
    ...gitAccess(access, audit),
  })
  await git.start(stop.signal)
  const nodes = () => Promise.resolve([])
  const platform = {
    version: '0.1.0',
    build: '',
    nodes,
    baseDomain: 'example.test',
    url: '',
    ca: null,
    privateNetworks: 'deny-own',
  }
  const api = getRequestListener(
    createApi({
      ...common,
      certificates: fakeCertificates,
      backups: new FakeBackups(),
      services: fakeServices,
      ids: systemIds,
      pipeline,
      limits,
      ejector: new Ejector({ ...common, builder, limits: limits.current }),
      platform,
      access,
      accounts: access,
      audit,
      report: log,
    }).fetch,
  )
  const server = createServer((request, response) => {
    if (!git.handle(request, response)) void api(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    stop.abort(new Error('the test is over'))
    await git.stop()
    server.closeAllConnections()
    server.close()
    await store.close()
  })
  const address = server.address()
  platform.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return platform.url
}

test('a folder becomes an app: create, push, set, scale, roll back, destroy', { timeout: 120_000 }, async t => {
  const rig = await CliRig.make()
  t.after(() => rig.close())
  const url = await platformOf(t, rig)
  const lading = async (line: string, input = '') => {
    const { code, out, err } = await rig.lading(line.split(' '), { input })
    assert.equal(code, 0, `lading ${line}: ${err}`)
    return out
  }
  const git = (line: string) => rig.run('git', line.split(' '))
  const commit = async (text: string) => {
    await writeFile(join(rig.work, 'server.js'), text)
    await git('add .')
    await git('-c user.name=Ada -c user.email=ada@example.com commit -q -m change')
  }
  await git('init -q -b main')
  await lading(`login ${url}`, token)
  await lading('create shop')

  await commit('1')
  const push = await git('push lading main')
  assert.equal(push.code, 0, push.err)
  assert.match(push.err, /remote: -----> Building/)
  assert.match(await lading('set COLOR=red'), /^v2 is live/)
  await commit('2')
  assert.equal((await git('push lading main')).code, 0)
  assert.match(await lading('scale web=2'), /^v4 is live/)
  assert.match(await lading('rollback v1'), /^v5 is live/)

  const releases = JSON.parse(await lading('releases --json')) as {
    description: string
    by: string
    serving: boolean
  }[]
  assert.deepEqual(
    releases.map(({ description }) => description.replace(/ [0-9a-f]{7}$/, '')),
    ['Rollback to v1', 'Scale web=2', 'Deploy', 'Set COLOR', 'Deploy'],
  )
  assert.deepEqual(
    releases.map(({ serving }) => serving),
    [true, false, false, false, false],
  )
  assert.ok(releases.every(({ by }) => by === 'owner'))
  assert.match(await lading('ps'), /^web\.1 +v5 +up /m)
  assert.match(await lading('runs'), /Rollback to v1 +owner +.* live /)

  assert.equal(await lading('destroy --confirm shop'), 'shop is destroyed.\n')
  assert.equal(await lading('apps --json'), '[]\n')
})
