import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { installed, until, type App, type Platform } from './host.ts'
import { Load } from './load.ts'
import { allHeld, everythingOpen } from './load/everything-open.ts'
import { judgeCuts, now, type StreamReport } from './load/report.ts'

const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2estory', say: line => say(`${line}\n`) })
const drainMs = 30_000

let platform: Platform
let app: App
let load: Load | undefined
/** When traffic may have moved, at the earliest. */
const switches: number[] = []
let good = ''

before(async () => {
  await rig.down()
  platform = await installed(await rig.up({ name: 'server', debian: 'trixie' }), { say })
})
after(async () => {
  load?.[Symbol.dispose]()
  await rig.down()
})

/** A step of the story that moves traffic. */
async function moving<T>(step: () => Promise<T>): Promise<T> {
  switches.push(now())
  return step()
}

async function pushVersion(version: string): Promise<number> {
  good = await app.commitVersion(version)
  const push = await moving(() => app.push())
  assert.equal(push.code, 0, push.stderr)
  return now()
}

test('after "lading up" the example answers under its name', async () => {
  const answer = await platform.get(`hello.${platform.domain}`)
  assert.equal(answer.status, 200)
  assert.match(answer.body, /Hello from Lading/)
})

test('the first push makes an app live', async () => {
  app = await platform.create('busy', 'apps/busy')
  const push = await app.push()
  assert.equal(push.code, 0, push.stderr)
  await app.answers('v1')

  const running = await Load.start({
    connect: { address: platform.host.address, port: 443 },
    tls: {},
    streams: everythingOpen(app.hostName),
  })
  load = running
  await allHeld(running)
})

test('a push the moment the one before said ok is live too', async () => {
  await pushVersion('v2')
  await pushVersion('v3')
  await app.answers('v3')
  assert.equal(await app.remoteHead(), good)
})

test('a push that does not come up exits non-zero and says why; the old release serves, the ref has not moved', async () => {
  const server = await app.read('server.js')
  await app.write('server.js', "console.error('DATABASE_URL is not set')\nprocess.exit(3)\n")
  await app.commit('Break it')
  const push = await app.push()
  assert.notEqual(push.code, 0)
  assert.match(push.stderr, /web\.1 crashed with code 3/)
  assert.match(push.stderr, /DATABASE_URL is not set/)
  assert.match(push.stderr, /! \[remote rejected\] main -> main/)
  assert.equal(await app.remoteHead(), good)
  await app.answers('v3')
  await app.write('server.js', server)
})

test('a rollback 12 s after a deploy serves the release before, with everything open', async () => {
  const live = await pushVersion('v4')
  await app.answers('v4')
  await until(live + 12_000)
  await moving(() => app.lading(['rollback']))
  await app.answers('v3')
})

test('scaling runs as many processes as were asked for', async () => {
  await moving(() => app.lading(['scale', 'web=3']))
  const listing = await app.lading(['ps'])
  const processes = listing.split('\n').filter(line => /^web\.\d\s+v7\s+up\s/.test(line))
  assert.equal(processes.length, 3, listing)
  await app.answers('v3')
})

test('no request of the story was lost', async () => {
  assert.ok(load, 'the load never started')
  const report = await load.stop()
  const story = (stream: StreamReport): string => JSON.stringify({ ...stream, latestMs: report.latestMs }, null, 1)
  for (const stream of report.streams) {
    assert.equal(stream.failed, 0, story(stream))
    assert.ok(stream.ok > 0, story(stream))
    assert.deepEqual(judgeCuts(stream, switches, drainMs), [], story(stream))
    // The app's own SIGTERM handler says goodbye; null would mean that it was killed before it could.
    assert.deepEqual(new Set(stream.cuts.map(({ code }) => code)), new Set(stream.cuts.map(() => 1001)), story(stream))
  }
  const versions = report.streams[0]!.answers.map(({ body }) => body)
  assert.deepEqual(versions, ['v1', 'v2', 'v3', 'v4'])
})

test('a Dockerfile build runs the commit that was pushed, also when a changed file kept its size', async () => {
  const built = await platform.create('built', 'apps/dockerfile')
  for (const version of ['first', 'other', 'third']) {
    await built.commitVersion(version)
    const push = await built.push()
    assert.equal(push.code, 0, push.stderr)
    await built.answers(version)
  }
})

test('destroyed, it is gone from the edge and from the cluster', async () => {
  await app.lading(['destroy', '--confirm', app.name])
  assert.equal((await app.get()).status, 404)
  const left = await platform.host.run(['docker', 'service', 'ls', '-q', '--filter', `label=lading.app=${app.name}`])
  assert.equal(left, '')
})
