import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { ServiceDocument } from '../../../src/api/documents.ts'
import type { ServiceBackup } from '../../../src/services/services.ts'
import type { App, Platform } from '../host.ts'

/** A database of the platform's: made, attached, killed under writes, backed up, restored elsewhere, taken away. */
export function services(get: () => Platform): void {
  let app: App
  const info = (name: string) => get().json<ServiceDocument>(['services', 'info', name])
  const lading = (...argv: string[]) => get().host.run(['/opt/lading/lading', ...argv])
  const refused = async (argv: readonly string[], why: RegExp) => {
    const { code, stderr } = await get().cli(argv)
    assert.notEqual(code, 0)
    assert.match(stderr, why)
  }
  const ids = async () => (await app.get('/ids')).body.split(' ').filter(Boolean).map(Number)

  before(async () => {
    app = await get().create('rows', 'apps/rows')
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    await app.answers('no database')
  })

  test('a database is made and attached by a release, whose release phase reaches it too; what is written is read', async () => {
    await lading('services', 'create', 'postgres', 'db')
    await app.lading(['services', 'attach', 'db'])
    await app.answers('0')
    assert.equal((await app.get('/write')).body, '1')
    await app.answers('1')
    const { up, bytes, attachments } = await info('db')
    assert.ok(up && (bytes ?? 0) > 0)
    assert.deepEqual(
      attachments.map(one => [one.app, one.variable, one.wanted]),
      [['rows', 'DATABASE_URL', true]],
    )
    assert.match(await app.lading(['services', 'url', 'db']), /^postgres:\/\/a_[0-9a-f]+:[0-9a-f]+@lading-service-db-/)
    await refused(['set', 'DATABASE_URL=postgres://elsewhere', '--app', 'rows'], /set by the attachment of db/)
    await refused(['services', 'destroy', 'db', '--confirm', 'db'], /db is attached to rows\/production/)
  })

  test('kill -9 of the database under writes: every row that was acknowledged is there', async () => {
    const { host } = get()
    const acknowledged: number[] = []
    let failed = 0
    let isOver = false
    const writing = (async () => {
      while (!isOver) {
        const { status, body } = await app.get('/write')
        if (status === 200) acknowledged.push(Number(body))
        else failed++
      }
    })()
    const atLeast = (count: number) => eventually(`${count} rows written`, () => acknowledged.length >= count)
    await atLeast(20)
    const inContainer = ['--filter', 'name=lading-service-db', '--format', '{{.ID}}']
    const container = (await host.run(['docker', 'ps', ...inContainer])).trim()
    await host.run(['docker', 'kill', '--signal', 'KILL', container])
    await eventually('writes fail', () => failed > 0)
    await atLeast(acknowledged.length + 20)
    isOver = true
    await writing
    const present = new Set(await ids())
    assert.deepEqual(
      acknowledged.filter(id => !present.has(id)),
      [],
    )
  })

  test('a backup is restored into a new service, row for row; the first one is not touched', async () => {
    const before = await ids()
    const backup = await get().json<ServiceBackup>(['services', 'backup', 'db'])
    await app.get('/write')
    await refused(['services', 'restore', backup.name, 'db'], /there is a service db already/)
    await lading('services', 'restore', backup.name, 'db2')
    await app.lading(['services', 'detach', 'db'])
    await app.answers('no database')
    await app.lading(['services', 'attach', 'db2'])
    await eventually('the rows of the backup', async () => String(await ids()) === String(before))
  })

  test('a detached pair is revoked after its release has settled, and a rollback to it says so', async () => {
    await eventually('no one is attached to db', async () => (await info('db')).attachments.length === 0)
    const attached = (await app.releases()).find(({ description }) => description === 'Attach db as DATABASE_URL')
    assert.ok(attached)
    await refused(['rollback', attached.release, '--app', 'rows'], /its credentials are revoked/)
  })

  test('a rollback takes an attachment back', outer, async () => {
    await app.lading(['rollback'])
    await app.answers('no database')
    await app.lading(['services', 'attach', 'db2'])
    await app.answers(String((await ids()).length))
  })

  test('an app that is not attached does not reach the database, and no name of it', async () => {
    const other = await get().create('other', 'apps/hello')
    assert.equal((await other.push()).code, 0)
    const { host } = get()
    const { host: database } = await info('db2')
    const running = ['docker', 'ps', '--filter', 'name=l-other-production', '--format', '{{.ID}}']
    const container = (await host.run(running)).trim().split('\n')[0]!
    const dial = `require('net').connect(5432, '${database}').on('connect', () => { console.log('reached'); process.exit() }).on('error', error => { console.log(error.code); process.exit() })`
    assert.match(await host.run(['docker', 'exec', container, 'node', '-e', dial]), /ENOTFOUND|EAI_AGAIN/)
    await other.lading(['destroy', '--confirm', 'other'])
  })

  test('an app that is destroyed leaves its database, which then goes by its name, and its data stay', async () => {
    const { host } = get()
    const { host: object } = await info('db2')
    await app.lading(['destroy', '--confirm', 'rows'])
    await eventually('no one is attached', async () => (await info('db2')).attachments.length === 0)
    await refused(['services', 'destroy', 'db2', '--confirm', 'db'], /its name was not typed/)
    for (const name of ['db2', 'db']) await lading('services', 'destroy', name, '--confirm', name)
    const left = () => host.run(['docker', 'service', 'ls', '--filter', 'name=lading-service', '--format', '{{.Name}}'])
    await eventually('no process is left', async () => (await left()).trim() === '')
    const volumes = await host.run(['docker', 'volume', 'ls', '--format', '{{.Name}}'])
    assert.ok(volumes.split('\n').includes(object))
  })
}
