import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { goLive, shop } from '../../test/doubles/api.ts'
import { FakeBuilder } from '../../test/doubles/builder.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import { FakeServiceHost, FakeServiceBackupStorage } from '../../test/doubles/service-host.ts'
import { attachedText, serviceObject, servicesKey } from '../core/attached.ts'
import { label } from '../core/labels.ts'
import { parseConfigKey, parseNodeName, parseRunId, parseServiceName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { ServiceReconciler } from './reconciler.ts'

const forever = new AbortController().signal
const db = { id: '0a0a0a0a', name: parseServiceName('db'), kind: 'postgres', from: null, by: 'ann', at: 1 } as const
const object = serviceObject(db.name, db.id)
const day = 24 * 60 * 60_000

async function given(t: TestContext) {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  t.after(() => store.close())
  let now = Date.UTC(2026, 0, 1)
  const clock = { now: () => now, monotonic: () => now, sleep: async (ms: number) => void (now += ms) }
  const cluster = new FakeCluster({ clock })
  const [host, storage] = [new FakeServiceHost(), new FakeServiceBackupStorage()]
  const reconciler = new ServiceReconciler({
    store,
    engine: cluster.engine(),
    host,
    builder: new FakeBuilder(clock),
    storage,
    node: parseNodeName('one'),
    clock,
    quiet: () => Promise.resolve(),
    log: () => undefined,
  })
  const row = async () => (await store.listServices())[0]!
  const attach = async () => {
    await store.createApp(shop.app, 'ann', 5)
    const attachment = await store.addAttachment(
      {
        ...shop,
        id: 'a1',
        service: db.id,
        appSince: 5,
        variable: parseConfigKey('DATABASE_URL'),
        user: 'a_1',
        by: 'ann',
        at: 6,
      },
      new Secret('5ec7e7'),
    )
    await reconciler.grant(await row(), attachment, forever)
    return attachment
  }
  return { store, clock, cluster, host, storage, reconciler, row, attach }
}

test('a service is made, labelled, ready, and looked at again without a change', async t => {
  const { store, cluster, host, reconciler, row } = await given(t)
  await store.insertService(db)
  assert.equal(await reconciler.look(forever), true)
  assert.deepEqual([(await row()).state, (await row()).reason], ['ready', ''])
  assert.deepEqual(cluster.inventory().services, [object])
  assert.equal(host.volumes.get(object)?.[label.service], db.id)
  const ran = host.ran.length
  assert.equal(await reconciler.look(forever), true)
  assert.equal(host.ran.length, ran)
})

test('a step that fails says why in the row, and is tried again', async t => {
  const { store, host, reconciler, row } = await given(t)
  await store.insertService(db)
  host.broken.add('psql')
  assert.equal(await reconciler.look(forever), false)
  assert.deepEqual([(await row()).state, (await row()).reason], ['creating', 'psql exited 1'])
  host.broken.clear()
  assert.equal(await reconciler.look(forever), true)
  assert.equal((await row()).state, 'ready')
})

test('a service whose data are not there is not started empty', async t => {
  const { store, cluster, host, reconciler, row } = await given(t)
  await store.insertService(db)
  await reconciler.look(forever)
  await cluster.engine().removeService(object, forever)
  assert.equal(await reconciler.look(forever), true)
  assert.deepEqual(cluster.inventory().services, [object])
  await cluster.engine().removeService(object, forever)
  host.volumes.clear()
  assert.equal(await reconciler.look(forever), false)
  assert.match((await row()).reason, /not started empty/)
  assert.deepEqual(cluster.inventory().services, [])
})

test('a destroyed service leaves its data for seven days, and then they go, and no other volume', async t => {
  const { store, clock, cluster, host, reconciler } = await given(t)
  host.volumes.set('someone-elses', {})
  await store.insertService(db)
  await reconciler.look(forever)
  await store.destroyService(db.id, clock.now())
  assert.equal(await reconciler.look(forever), true)
  assert.deepEqual([cluster.inventory().services, cluster.inventory().networks], [[], []])
  await clock.sleep(6.9 * day)
  await reconciler.look(forever)
  assert.ok(host.volumes.has(object))
  await clock.sleep(day)
  await reconciler.look(forever)
  assert.deepEqual([...host.volumes.keys()], ['someone-elses'])
  assert.deepEqual(await store.listServices(), [])
})

test('a detached pair is revoked when nothing that may run has it, and not before', async t => {
  const { store, host, reconciler, attach } = await given(t)
  await store.insertService(db)
  await reconciler.look(forever)
  const { id, user } = await attach()
  const revoked = () => host.ran.some(line => line.includes(`drop role ${user}`))
  const deploy = async (run: string, config: Record<string, Secret>) => {
    const { version } = await store.readConfig(shop, 0)
    const written = await store.writeConfig(shop, version, config, 'ann', 7)
    const intent = { kind: 'config', config: written.version, summary: 'x' } as const
    const row = await store.insertRun({ ...shop, id: parseRunId(run), intent, by: 'ann', reason: 'x', now: 8 })
    await goLive(store, row)
    return () => store.advanceRun(row.id, 'live', 'settled', { reason: 'x', now: 9 })
  }
  const text = attachedText([{ object, user }])!
  await (
    await deploy('run00001', { [servicesKey]: new Secret(text) })
  )()
  await store.markDetached(id)
  assert.equal(await reconciler.look(forever), false)
  const settle = await deploy('run00002', {})
  assert.equal(await reconciler.look(forever), false)
  assert.equal(revoked(), false)
  await settle()
  assert.equal(await reconciler.look(forever), true)
  assert.equal(revoked(), true)
  assert.deepEqual(await store.listAttachments(), [])
})

test('an app that is destroyed is detached, also when another of its name is there at once', async t => {
  const { store, reconciler, attach } = await given(t)
  await store.insertService(db)
  await reconciler.look(forever)
  await attach()
  await store.markAppDestroyed(shop.app, 7)
  await store.removeApp(shop.app)
  await store.createApp(shop.app, 'bob', 8)
  await reconciler.look(forever)
  assert.deepEqual(await store.listAttachments(), [])
})

test('a backup is read again from its place, and restored into another service before anybody is attached', async t => {
  const { store, host, reconciler, row } = await given(t)
  await store.insertService(db)
  await reconciler.look(forever)
  const { name } = await reconciler.backUp(await row(), forever)
  assert.equal(host.ran.at(-1), `${object} pg_restore: dump of ${object}`)
  assert.deepEqual(
    (await reconciler.backups(forever)).map(one => one.service),
    ['db'],
  )
  const copy = { ...db, id: '0b0b0b0b', name: parseServiceName('db2'), from: name }
  await store.insertService(copy)
  host.broken.add('pg_restore')
  assert.equal(await reconciler.look(forever), false)
  assert.equal((await store.listServices())[1]?.state, 'creating')
  host.broken.clear()
  assert.equal(await reconciler.look(forever), true)
  assert.equal(host.ran.at(-1), `${serviceObject(copy.name, copy.id)} pg_restore: dump of ${object}`)
})

test('the schedule backs up every service, keeps the newest of its own, and says which one failed', async t => {
  const { store, clock, host, storage, reconciler, row } = await given(t)
  await store.insertService(db)
  await reconciler.look(forever)
  const { name: byHand } = await reconciler.backUp(await row(), forever)
  for (let times = 0; times < 3; times++) {
    await clock.sleep(day)
    await reconciler.backUpAll(2, forever)
  }
  assert.deepEqual(
    (await reconciler.backups(forever)).map(({ scheduled }) => scheduled),
    [false, true, true],
  )
  assert.ok(storage.files.has(byHand))
  host.broken.add('pg_dump')
  await assert.rejects(reconciler.backUpAll(2, forever), /the service db was not backed up: pg_dump exited 1/)
  assert.equal(storage.files.size, 3)
})
