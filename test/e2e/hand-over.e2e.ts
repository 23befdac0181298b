import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { after, before, suite, test } from 'node:test'
import { eventually } from '../rig/eventually.ts'
import { Rig } from '../rig/rig.ts'
import { runsAll } from '../runner/ring.ts'
import { installed, type App, type Platform } from './host.ts'
import { witnessed } from './kills/site.ts'
import { Load } from './load.ts'
import { allHeld, everythingOpen } from './load/everything-open.ts'
import { judgeCuts, now, type StreamReport } from './load/report.ts'
import { oneReboot, survivesAll, twiceEach } from './outages/outages.ts'
import { Town } from './outages/town.ts'

/**
 * Every upgrade is a hand-over (decision: one-keeper-per-node): `lading up` from an updated checkout starts the keeper
 * of the next generation beside the one that serves. Twice in a row and once while deploys are under way, with
 * everything open that a visitor may have open, and no request may be lost. Then come the outages, and all comes back
 * by itself.
 */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: process.env['LADING_RIG'] ?? 'e2ehand', say: line => say(`${line}\n`) })
const drainMs = 30_000

let platform: Platform
let busy: App
let other: App
let load: Load | undefined
/** When traffic of `busy` may have moved, at the earliest. */
const switches: number[] = []
let version = 1

before(async () => {
  await rig.down()
  const host = await rig.up({ name: 'server', debian: 'trixie' })
  platform = await installed(host, { say, fromCache: true, args: witnessed(host) })
  busy = await platform.create('busy', 'apps/busy')
  other = await platform.create('other', 'apps/hello')
  for (const app of [busy, other]) await pushed(app)
  load = await Load.start({
    connect: { address: platform.host.address, port: 443 },
    tls: {},
    streams: everythingOpen(busy.hostName),
  })
  await allHeld(load)
})
after(async () => {
  load?.[Symbol.dispose]()
  await rig.down()
})

test('a keeper is replaced by "lading up", again and again, and what is open stays open', async () => {
  const first = await servingGeneration()
  for (const generation of runsAll ? [first + 1, first + 2] : [first + 1]) {
    await upgrade()
    assert.equal(await servingGeneration(), generation)
    await allHeld(load!)
  }
  const report = await load!.report()
  // Nothing was deployed: no release left its traffic, so nothing had a reason to end.
  for (const stream of report.streams) assert.deepEqual(stream.cuts, [], story(stream))
})

test('a deploy that is on its way goes live across a hand-over', async () => {
  let spans = false
  for (let attempt = 0; attempt < 5 && !spans; attempt++) {
    const before = await servingGeneration()
    const done = new AbortController()
    const upgraded = upgrade().finally(() => done.abort())
    // Two apps, each pushed again and again: hardly ever is none of them on its way.
    const pushes = await Promise.all([busy, other].map(app => pushedUntil(app, done.signal)))
    await upgraded
    assert.equal(await servingGeneration(), before + 1)
    const [from, to] = await handOverOf(before + 1)
    spans = pushes.flat().some(push => push.from < from && push.to > to)
  }
  assert.ok(spans, 'no deploy was under way at any hand-over')
})

test('afterwards one keeper admits, whatever older ones still drain', async () => {
  const keepers = await runningKeepers()
  const owners = (await platform.host.run(['ss', '-Hxlp'])).split('\n').filter(line => line.includes('@lading-keeper:'))
  assert.equal(owners.length, 1, owners.join('\n'))
  const pid = /pid=(\d+)/.exec(owners[0] ?? '')?.[1]
  const newest = await platform.host.run(['docker', 'top', keepers[0]!, '-eo', 'pid'])
  assert.ok(
    newest.split('\n').some(line => line.trim() === pid),
    `${pid} is not one of ${newest}`,
  )
})

test('afterwards a deploy works, and a release that has lost its traffic drains what it had before', async () => {
  await pushed(busy)
  await busy.answers(`v${version}`)
})

test('no request was lost, and no WebSocket was cut before the drain limit', async () => {
  const report = await load!.stop()
  for (const stream of report.streams) {
    assert.equal(stream.failed, 0, story(stream))
    assert.ok(stream.ok > 0, story(stream))
    assert.deepEqual(judgeCuts(stream, switches, drainMs), [], story(stream))
  }
})

test('older keepers end with their last connection, and the next "lading up" removes them', async () => {
  const newest = (await runningKeepers())[0]!
  await eventually('the others have ended', async () => (await runningKeepers()).length === 1)
  await platform.host.run(['/opt/lading/lading', 'up', '--no-hello'], { cwd: '/opt/lading' })
  const left = await platform.host.run([
    'docker',
    'ps',
    '-a',
    '--filter',
    'label=lading.type=keeper',
    '--format={{.Names}}',
  ])
  assert.equal(left, newest)
})

test('a process that dies is replaced: the newest keeper follows the engine', async () => {
  // The last deploy may still be taking its old process away: one that was named may be gone before it is killed.
  await eventually('every process of the app was killed', async () => {
    const containers = await platform.host.run(['docker', 'ps', '-q', '--filter', 'label=lading.app=busy'])
    return containers !== '' && platform.host.run(['docker', 'kill', ...containers.split('\n')])
  })
  await busy.answers(`v${version}`)
})

suite('outages', () => {
  let town: Town

  before(async () => {
    town = await Town.settle(platform)
  })
  after(() => town?.[Symbol.dispose]())

  survivesAll(() => town, runsAll ? twiceEach : oneReboot)
})

/** `lading up` from a checkout whose keeper is another one than before. */
async function upgrade(): Promise<void> {
  await appendFile(await platform.host.path('/opt/lading/images/keeper/Dockerfile'), `LABEL updated=${now()}\n`)
  await platform.host.run(['/opt/lading/lading', 'up', '--no-hello'], { cwd: '/opt/lading' })
}

async function pushed(app: App): Promise<void> {
  if (app === busy) version = switches.length + 2
  await app.commitVersion(app === busy ? `v${version}` : `other at ${now()}`)
  if (app === busy) switches.push(now())
  const push = await app.push()
  assert.equal(push.code, 0, push.stderr)
}

interface Interval {
  readonly from: number
  readonly to: number
}

async function pushedUntil(app: App, signal: AbortSignal): Promise<readonly Interval[]> {
  const pushes: Interval[] = []
  while (!signal.aborted) {
    const from = now()
    await pushed(app)
    pushes.push({ from, to: now() })
  }
  return pushes
}

/** From the start of this generation's container to its word that it serves; times as in load reports. */
async function handOverOf(generation: number): Promise<readonly [number, number]> {
  const log = await platform.host.run(['docker', 'logs', '-t', `lading-keeper-${generation}`])
  const serves = log.split('\n').find(line => line.includes(`generation ${generation} serves`))
  const started = await platform.host.run([
    'docker',
    'inspect',
    '-f={{.State.StartedAt}}',
    `lading-keeper-${generation}`,
  ])
  return [Date.parse(started), Date.parse(serves?.split(' ')[0] ?? '')]
}

async function servingGeneration(): Promise<number> {
  const health = await platform.host.run(['curl', '-sf', '--unix-socket', '/run/lading/keeper.sock', 'http://k/health'])
  return (JSON.parse(health) as { readonly generation: number }).generation
}

/** Names, the newest first. */
async function runningKeepers(): Promise<readonly string[]> {
  const names = await platform.host.run(['docker', 'ps', '--filter', 'label=lading.type=keeper', '--format={{.Names}}'])
  return names.split('\n').toSorted((a, b) => Number(b.split('-').at(-1)) - Number(a.split('-').at(-1)))
}

function story(stream: StreamReport): string {
  return JSON.stringify(stream, null, 1)
}
