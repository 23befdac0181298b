import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { eventually } from '../rig/eventually.ts'
import type { Host } from '../rig/host.ts'
import { Rig } from '../rig/rig.ts'
import { installed, type Platform } from './host.ts'
import { loadImages } from './images-cache.ts'
import { wrong } from './platform/doctor.ts'

/**
 * A bare machine whose `lading up` is killed again and again, each time as its next step begins: the next run goes on
 * where it was, and the end is that of an installation that no one has killed. Its disk is its own, so that it can be
 * full afterwards.
 */
const rig = new Rig({ name: 'e2ekillu', say: line => process.stderr.write(`${line}\n`) })
const up = ['/opt/lading/lading', 'up']
let host: Host
let platform: Platform

before(async () => {
  await rig.down()
  const disk = { diskBytes: 16 * 1024 ** 3, diskInodes: 80_000 }
  host = await rig.up({ name: 'server', debian: 'trixie', variant: 'bare', ...disk })
})
after(() => rig.down())

test('killed while dpkg is at work: packages are left half-way, and the next run begins with them', async () => {
  await killedAt('engine packages', async () => (await host.run(['dpkg', '--audit'])) !== '')
  assert.notEqual(await host.run(['dpkg', '--audit']), '')
  assert.match(await host.run(['cat', '/etc/lading/packages']), /^docker\.io$/m)
})

test('killed at the steps after it, one after the other: each is entered again', async () => {
  await killedAt('swarm')
  // What a user's machine builds in minutes comes from an earlier test.
  await loadImages(host)
  for (const step of ['keeper', 'control plane', 'hello, by git push']) await killedAt(step)
})

test('the run after that ends as if nothing had been: nothing is wrong, nothing is left to do, a push goes live', async () => {
  platform = await installed(host, { say: text => process.stderr.write(text) })
  assert.equal(await host.run(['dpkg', '--audit']), '')
  assert.deepEqual(await wrong(platform), [])
  const again = await host.run(up)
  assert.doesNotMatch(again, /^ {2}[…✓✗]/m)
  const app = await platform.create('after', 'apps/hello')
  const push = await app.push()
  assert.equal(push.code, 0, push.stderr)
  await app.answers('v1')
  assert.match((await platform.get(`hello.${platform.domain}`)).body, /Hello from Lading/)
})

test('a disk that is nearly full is found, a build does not begin on it, and what runs goes on', async () => {
  await host.fill(0.5 * 1024 ** 3)
  try {
    assert.match(
      (await wrong(platform)).join('\n'),
      /^disk: \/var\/lib has 0\.5 GiB free; below 1\.0 GiB no build begins → lading clean/m,
    )
    assert.match((await platform.get(`after.${platform.domain}`)).body, /^v1/)
  } finally {
    await host.fill(null)
  }
  assert.deepEqual(await wrong(platform), [])
})

test('an app that fills the disk is stopped and named; its neighbours live, and it comes back by its owner alone', async () => {
  const eater = await platform.create('eats', 'apps/eats')
  assert.equal((await eater.push()).code, 0)
  await host.fill(1.6 * 1024 ** 3)
  try {
    // It may be cut off in the middle of its meal.
    await platform.get(eater.hostName, '/eat?mib=1200').catch(() => undefined)
    const said = await eventually('it is stopped', async () => {
      const [process] = await platform.json<readonly { state: string; note: string | null }[]>(['ps', '--app', 'eats'])
      return process?.state === 'stopped' && process.note
    })
    assert.match(said, /^web of v1 was stopped by the platform: it had written .* and the disk was nearly full/)
    assert.match(await eater.lading(['logs', '--source', 'platform']), /web of v1 was stopped by the platform/)
    assert.match((await wrong(platform)).join('\n'), /^apps on the disk: eats: web of v1 was stopped/m)
    assert.equal((await platform.get(eater.hostName)).status, 503)
    assert.match((await platform.get(`after.${platform.domain}`)).body, /^v1/)
  } finally {
    await host.fill(null)
  }
  assert.equal((await platform.get(eater.hostName)).status, 503)
  await eater.lading(['deploy'])
  assert.equal((await platform.get(eater.hostName)).body, 'hungry\n')
  await eater.lading(['destroy', '--confirm', 'eats'])
  await eventually('nothing is wrong', async () => (await wrong(platform)).length === 0)
})

test('a disk without inodes is found', async () => {
  const folder = await host.path('/var/lib/many')
  await mkdir(folder)
  for (let made = 0; ; made += 1000) {
    const { files, ffree } = await statfs(folder)
    if (ffree < files * 0.04) break
    await Promise.all(Array.from({ length: 1000 }, (_, at) => writeFile(join(folder, String(made + at)), '')))
  }
  try {
    assert.match(
      (await wrong(platform)).join('\n'),
      /^disk: \/var\/lib has \d+ of \d+ inodes free: .* → lading clean; where they are/m,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
  assert.deepEqual(await wrong(platform), [])
})

test('a dead engine is found, once, and what the doctor says fixes it', async () => {
  await host.killEngine()
  const found = await wrong(platform)
  const [dead] = found.filter(line => line.startsWith('engine: '))
  assert.match(dead ?? found.join('\n'), /^engine: does not answer: .* → lading boot; why it ended: tail/)
  await host.run(['/opt/lading/lading', 'boot'])
  await eventually('nothing is wrong', async () => (await wrong(platform)).length === 0, { withinMs: 180_000 })
})

/** `lading up`, and kill -9 of all its processes when this step has begun and, if asked for, `moment` has come. */
async function killedAt(step: string, moment: () => Promise<boolean> = async () => true): Promise<void> {
  const run: ChildProcess = await host.spawn(up, { cwd: '/opt/lading' })
  let said = ''
  for (const stream of [run.stdout!, run.stderr!]) stream.on('data', chunk => (said += String(chunk)))
  const ended = once(run, 'close')
  const begun = async () => said.includes(`  … ${step}\n`) && (await moment())
  await Promise.race([
    eventually(`the step "${step}" is at work`, begun, { withinMs: 240_000, everyMs: 20 }),
    ended.then(([code]) => assert.fail(`it ended with ${code} before the step "${step}":\n${said}`)),
  ])
  process.kill(-run.pid!, 'SIGKILL')
  await ended
}
