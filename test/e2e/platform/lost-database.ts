import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { AppDocument, ConfigDocument, ProcessDocument } from '../../../src/api/documents.ts'
import { eventually } from '../../rig/eventually.ts'
import type { App, Platform } from '../host.ts'
import { Load } from '../load.ts'

const service = 'lading-control'
const files = ['', '-wal', '-shm'].map(ending => `/var/lib/lading/control/lading.db${ending}`)

/**
 * law: readable-from-the-cluster. What runs is read back from the cluster. To be run last: earlier releases of every
 * app are lost here.
 */
export function lostDatabase(platform: () => Platform): void {
  let app: App
  let load: Load | undefined
  let before: readonly string[] = []
  let names: readonly string[] = []
  after(() => load?.[Symbol.dispose]())

  const containers = async (): Promise<readonly string[]> => {
    const argv = ['docker', 'ps', '--quiet', '--filter', `label=lading.app=${app.name}`]
    return (await platform().host.run(argv)).split('\n').toSorted()
  }
  const replicas = (count: number) =>
    platform().host.run(['docker', 'service', 'scale', '--detach', `${service}=${count}`])
  const apps = async () =>
    (await platform().json<readonly AppDocument[]>(['apps'])).filter(one => one.environments.some(e => e.serving))

  test('an app with config and a worker serves, and the control plane ends', async () => {
    app = await platform().create('kept', 'apps/worker')
    await app.lading(['set', 'GREETING=hello'])
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    await app.lading(['scale', 'worker=1'])
    await app.answers('v1')
    const steady = async () => (await containers()).length === 2
    await eventually('only v2 runs', steady, { withinMs: 120_000 })
    before = await containers()
    names = (await apps()).map(one => one.app)
    load = await Load.start({
      connect: { address: platform().host.address, port: 443 },
      tls: {},
      streams: [
        { kind: 'requests', name: 'keep-alive', rate: 40, keepAlive: true, expect: 'v', host: app.hostName, path: '/' },
        { kind: 'requests', name: 'close', rate: 10, keepAlive: false, expect: 'v', host: app.hostName, path: '/' },
      ],
    })
    await replicas(0)
    await eventually('the control plane has ended', async () => {
      const argv = ['docker', 'ps', '--quiet', '--filter', `label=com.docker.swarm.service.name=${service}`]
      return (await platform().host.run(argv)) === ''
    })
    await app.answers('v1')
  })

  test('started without its database it knows what runs, and touches none of it', async () => {
    await platform().host.run(['rm', '--force', ...files])
    await replicas(1)
    const known = async () => (await apps()).map(one => one.app)
    await eventually('it answers', async () => (await known()).includes(app.name), { withinMs: 120_000 })
    assert.deepEqual(await known(), names)

    const [release, ...older] = await app.releases()
    assert.deepEqual([release?.release, release?.serving, older.length], ['v2', true, 0])
    assert.match(release?.reason ?? '', /read back from the cluster, for the database was lost/)
    assert.equal(release?.commit, await app.remoteHead())
    assert.match(release?.author ?? '', /Grace/)

    const config = await platform().json<ConfigDocument>(['config', '--app', app.name])
    assert.deepEqual([config.values, config.version, config.serving], [{ GREETING: 'hello' }, 2, 2])
    const processes = await platform().json<readonly ProcessDocument[]>(['ps', '--app', app.name])
    assert.deepEqual(processes.map(one => `${one.name} v${one.release} ${one.state}`).toSorted(), [
      'web.1 v2 running',
      'worker.1 v2 running',
    ])
    assert.match(await app.lading(['bill']), /"release": "v2"/)
    assert.deepEqual(await containers(), before)
  })

  test('the next push makes v3 of it, with its config and its worker, and no request was lost', async () => {
    const commit = await app.commitVersion('v3')
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    await app.answers('v3')
    assert.equal(await app.remoteHead(), commit)
    const [release] = await app.releases()
    assert.deepEqual([release?.release, release?.config, release?.formation], ['v3', 2, { web: 1, worker: 1 }])
    await app.lading(['rollback', 'v2'])
    await app.answers('v1')

    assert.ok(load, 'the load never started')
    for (const stream of (await load.stop()).streams) {
      assert.equal(stream.failed, 0, JSON.stringify(stream))
      assert.ok(stream.ok > 0, JSON.stringify(stream))
    }
  })
}
