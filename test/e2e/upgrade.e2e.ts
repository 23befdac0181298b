import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { eventually } from '../rig/eventually.ts'
import { outer } from '../runner/ring.ts'
import { Rig } from '../rig/rig.ts'
import { layCommitBefore } from './commit-before.ts'
import { loadImages } from './images-cache.ts'
import { Platform, type App } from './host.ts'
import { Load } from './load.ts'
import { allHeld, everythingOpen } from './load/everything-open.ts'
import { now } from './load/report.ts'

/**
 * The commit before this one is installed, as a user has it; this one takes its place while visitors have everything open
 * that they may have open, and then come versions that do not come up. None of it may be noticed.
 */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eup', say: line => say(`${line}\n`) })
/** Little, for a whole platform is built meanwhile. */
const perSecond = 40
const trial = '/var/lib/lading/control/trial.json'
const [older, checkout] = ['/opt/before', '/opt/lading']

let platform: Platform
let busy: App
let other: App
let load: Load | undefined

before(async () => {
  await rig.down()
  const host = await rig.up({ name: 'server', debian: 'trixie' })
  await loadImages(host)
  say(`${await layCommitBefore(host, older)} is the version before\n`)
  await host.run([`${older}/lading`, 'up'], { cwd: older, onOutput: say })
  const { baseDomain } = JSON.parse(await host.run(['cat', '/etc/lading/install.json'])) as { baseDomain: string }
  platform = new Platform(host, baseDomain, await host.run(['cat', '/etc/lading/token']))
  busy = await platform.create('busy', 'apps/busy')
  other = await platform.create('other', 'apps/hello')
  for (const app of [busy, other]) assert.equal((await app.push()).code, 0)
  await other.lading(['set', 'GREETING=kept'])
  const connect = { address: host.address, port: 443 }
  load = await Load.start({ connect, tls: {}, streams: everythingOpen(busy.hostName, perSecond) })
  await allHeld(load)
})
after(async () => {
  load?.[Symbol.dispose]()
  await rig.down()
})
afterEach(unplantAll)

test('the commit before is replaced by this one, and a push that comes meanwhile waits and goes through', async () => {
  const was = await control()
  const upgraded = upgrade()
  await eventually('the new control plane is on trial', () => isThere(trial), { withinMs: 300_000 })
  await eventually('it answers, as one that proves itself', async () => {
    // Asked for first: until it has ended, the one before answers.
    const container = await running()
    if (container === '' || container.split('\n').includes(was.container)) return null
    const { status } = await platform.get(`lading.${platform.domain}`, '/v1/healthz')
    return (status === 200 && (await isThere(trial))) || null
  })
  const pushed = await pushedAgain('during the trial')
  const { code, stdout, stderr } = await upgraded
  assert.equal(code, 0, stdout + stderr)
  assert.equal(pushed.code, 0, pushed.stderr)
  assert.equal((await control()).release, was.release + 1)
  assert.equal(await recorded(), 'done')
  assert.equal(await snapshots(), 1)
  await serves()
})

test('a migration that fails is met on a copy, and nothing is changed', async () => {
  const was = await control()
  await plantMigration(`createTable('apps').addColumn('a', 'text')`)
  const { code, stderr } = await upgrade()
  assert.equal(code, 1)
  assert.match(stderr, /cannot be brought from .* up to date; nothing was changed/)
  assert.match(stderr, /table "apps" already exists/)
  assert.deepEqual(await control(), was)
})

test('a version that migrates and then crashes goes, and the store is as it was', async () => {
  await plantMigration(`createTable('planted').addColumn('a', 'text')`)
  await plant('src/server/wiring.ts', '  const edges = keeperEdges({', `throw new Error('planted')\n`)
  const { code, stderr } = await upgrade()
  assert.equal(code, 1)
  assert.match(stderr, /the one before it serves again: lading-control crashes when it starts\n[^]*planted/)
  assert.equal(await recorded(), 'returned')
  await serves()
})

test('a version that never takes the lease has so long as it is given', outer, async () => {
  await plant(
    'src/server/lifecycle.ts',
    '  const lease = await acquireLease(',
    'await systemClock.sleep(1e9, stopping)\n',
  )
  const { code, stderr } = await upgrade('--patience', '10')
  assert.equal(code, 1)
  assert.match(stderr, /the one before it serves again: lading-control does not answer: nothing after 10 s/)
  await serves()
})

test(
  'killed on its way back, the next "lading up" ends that first; images of versions that are gone go',
  outer,
  async () => {
    await plant('src/server/main.ts', '  const config = readConfig()', `throw new Error('planted')\n`)
    const up = await platform.host.spawn([`${checkout}/lading`, 'up', '--no-hello'])
    const ended = once(up, 'exit')
    up.stdout?.resume()
    up.stderr?.resume()
    await eventually('it goes back', async () => (await recorded()) === 'back' || null, {
      withinMs: 300_000,
      everyMs: 50,
    })
    process.kill(-up.pid!, 'SIGKILL')
    await ended
    await unplantAll()
    const again = await platform.cli(['up', '--no-hello'])
    assert.equal(again.code, 0, again.stderr)
    assert.match(again.stdout, /back to .* it serves again/)
    assert.equal(await recorded(), 'returned')
    assert.equal(await snapshots(), 2)
    const images = await platform.host.run(['docker', 'images', '--format={{.Tag}}', 'lading/control'])
    assert.equal(images.split('\n').length, 2, images)
    await serves()
  },
)

test('killed on its way, the next one carries on', outer, async () => {
  await plant('src/server/main.ts', `  const config = readConfig()`, `log('planted', {})\n`)
  const was = await control()
  const first = await platform.host.spawn([`${checkout}/lading`, 'upgrade'])
  const ended = once(first, 'exit')
  first.stdout?.resume()
  first.stderr?.resume()
  await eventually('it is on trial', () => isThere(trial), { withinMs: 300_000 })
  process.kill(-first.pid!, 'SIGKILL')
  await ended
  assert.equal(await recorded(), 'forward')
  const { code, stderr } = await upgrade()
  assert.equal(code, 0, stderr)
  assert.equal((await control()).release, was.release + 1)
  assert.equal(await recorded(), 'done')
  await serves()
})

test('no request was lost and no WebSocket was cut, through all of it', async () => {
  const report = await load!.stop()
  for (const stream of report.streams) {
    assert.equal(stream.failed, 0, JSON.stringify(stream, null, 1))
    assert.ok(stream.ok > 0)
    // Nothing of this app was deployed, so nothing had a reason to end.
    assert.deepEqual(stream.cuts, [], JSON.stringify(stream, null, 1))
  }
})

function upgrade(...options: readonly string[]) {
  return platform.cli(['upgrade', ...options], { onOutput: say })
}

/** Rows, config and a push, as before; rejects with what the control plane says when it does not. */
async function serves(): Promise<void> {
  try {
    assert.match(await other.lading(['config']), /GREETING/)
    const push = await pushedAgain(`at ${now()}`)
    assert.equal(push.code, 0, push.stderr)
  } catch (error) {
    const words = ['ps --no-trunc', 'logs --raw --timestamps --tail 40'].map(verb =>
      platform.host.exec(['docker', 'service', ...verb.split(' '), 'lading-control']),
    )
    for (const { stdout, stderr } of await Promise.all(words)) say(stdout + stderr)
    throw error
  }
}

async function pushedAgain(version: string) {
  await other.commitVersion(version)
  return other.push()
}

async function isThere(path: string): Promise<true | null> {
  return (await platform.host.exec(['test', '-e', path])).code === 0 ? true : null
}

async function recorded(): Promise<string | null> {
  const { code, stdout } = await platform.host.exec(['cat', '/etc/lading/upgrade.json'])
  return code === 0 ? (JSON.parse(stdout) as { readonly state: string }).state : null
}

async function snapshots(): Promise<number> {
  return (await platform.host.run(['ls', '/var/lib/lading/control/snapshots'])).split('\n').length
}

async function running(): Promise<string> {
  return platform.host.run(['docker', 'ps', '-q', '--filter=label=com.docker.swarm.service.name=lading-control'])
}

async function control(): Promise<{ readonly release: number; readonly container: string }> {
  const format = '{{index .Spec.Labels "lading.release"}}'
  const release = await platform.host.run(['docker', 'service', 'inspect', `--format=${format}`, 'lading-control'])
  return { release: Number(release), container: await running() }
}

const planted = new Map<string, string>()

/** Puts a statement before a line of the host's checkout. */
async function plant(file: string, line: string, statement: string): Promise<void> {
  const path = await platform.host.path(join(checkout, file))
  const text = await readFile(path, 'utf8')
  assert.ok(text.includes(line), `${file} has no line ${line}`)
  if (!planted.has(path)) planted.set(path, text)
  await writeFile(path, text.replace(line, `${statement}${line}`))
}

/** One more migration, after all others. */
async function plantMigration(schema: string): Promise<void> {
  const path = await platform.host.path(join(checkout, 'src/store/migrations.ts'))
  planted.set(path, await readFile(path, 'utf8'))
  const up = `async up(db: Kysely<unknown>) { await db.schema.${schema}.execute() }`
  await appendFile(path, `;(migrations as Record<string, Migration>)['9999-planted'] = { ${up} }\n`)
}

async function unplantAll(): Promise<void> {
  for (const [path, text] of planted) await writeFile(path, text)
  planted.clear()
}
