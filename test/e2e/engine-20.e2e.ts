import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { installed, type App, type Platform } from './host.ts'
import { witnessed } from './kills/site.ts'
import { survivesAll, twiceEach } from './outages/outages.ts'
import { Town } from './outages/town.ts'
import { backupAndRestore } from './restore.ts'

// The oldest engine that is supported: Debian 12's 20.10, without IPVS, cgroups as this machine has them.
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eold', say: line => say(`${line}\n`) })
let platform: Platform
let app: App

before(async () => {
  await rig.down()
  const host = await rig.up({ name: 'old', debian: 'bookworm' })
  platform = await installed(host, { say, fromCache: true, args: witnessed(host) })
})
after(() => rig.down())

test('on engine 20.10 the example answers', async () => {
  assert.match(await platform.host.run(['docker', 'version', '--format', '{{.Server.Version}}']), /^20\.10\./)
  assert.match((await platform.get(`hello.${platform.domain}`)).body, /Hello from Lading/)
})

test('on engine 20.10 a Dockerfile build runs the commit that was pushed, also when a changed file kept its size', async () => {
  app = await platform.create('built', 'apps/dockerfile')
  for (const version of ['first', 'other']) {
    await app.commitVersion(version)
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    await app.answers(version)
  }
})

test('on engine 20.10 a build that eats the memory is killed, named as such, and the app goes on', async () => {
  const good = await app.remoteHead()
  const hungry = 'const held = []; for (;;) held.push(Buffer.alloc(50_000_000, 1))'
  await app.write('Dockerfile', `FROM node:24\nRUN node -e "${hungry}"\nCMD ["node", "server.js"]\n`)
  await app.commit('Eat memory')
  const push = await app.push()
  assert.notEqual(push.code, 0)
  assert.match(push.stderr, /more memory than a build has/)
  assert.equal(await app.remoteHead(), good)
  await app.answers('other')
})

suite('backup and restore, from engine 20.10 to 26.1', () =>
  backupAndRestore(
    () => ({ platform, app, answer: 'other' }),
    () => rig.up({ name: 'bare', debian: 'trixie' }),
  ),
)

suite('on engine 20.10, outages', () => {
  let town: Town

  before(async () => {
    town = await Town.settle(platform)
  })
  after(() => town?.[Symbol.dispose]())

  survivesAll(() => town, twiceEach)
})
