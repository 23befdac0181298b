import assert from 'node:assert/strict'
import { after, before, suite } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { installed, type App, type Platform } from './host.ts'
import { cleaning } from './platform/clean.ts'
import { doctor } from './platform/doctor.ts'
import { domains } from './platform/domains.ts'
import { logs } from './platform/logs.ts'
import { lostDatabase } from './platform/lost-database.ts'
import { ownerToken } from './platform/owner-token.ts'
import { services } from './platform/services.ts'
import { backupAndRestore } from './restore.ts'

/** One installed platform for what its operator meets in the days after; each suite but the last leaves it as it was. */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2edays', say: line => say(`${line}\n`) })
let platform: Platform

before(async () => {
  await rig.down()
  platform = await installed(await rig.up({ name: 'server', debian: 'trixie' }), { say, fromCache: true })
})
after(() => rig.down())

suite('logs', () => logs(() => platform))
suite('cleaning', () => cleaning(() => platform))
suite('the doctor', () => doctor(() => platform))
suite('services', () => services(() => platform))
const authority = () => rig.up({ name: 'authority', debian: 'bookworm', variant: 'bare' })
suite('domains', () => domains(() => platform, authority))
suite('backup and restore', () => {
  let app: App

  before(async () => {
    app = await platform.create('saved', 'apps/hello')
    assert.equal((await app.push()).code, 0)
    await app.commitVersion('v2')
    assert.equal((await app.push()).code, 0)
    await app.answers('v2')
  })
  after(() => app.lading(['destroy', '--confirm', app.name]))

  backupAndRestore(
    () => ({ platform, app, answer: 'v2' }),
    () => rig.up({ name: 'bare', debian: 'trixie' }),
  )
})
// After it what reads `platform.token` shows an old one.
suite('the token of the owner', () => ownerToken(() => platform))
// The last: it loses what the others have written.
suite('the database is lost', () => lostDatabase(() => platform))
