import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../core/system.ts'
import { BackupRunner } from './backups.ts'

/** A backup program that does what a test says, and the settings that are kept. */
async function runnerWith(t: TestContext, program: string) {
  const folder = await mkdtemp(join(tmpdir(), 'lading-backups-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'program.mjs')
  await writeFile(
    path,
    `import { readFileSync } from 'node:fs'\nconst job = JSON.parse(readFileSync(3, 'utf8'))\n${program}\n`,
  )
  const settings: Record<string, string> = {}
  const store = {
    readSettings: async () => settings,
    writeSetting: async (name: string, value: string | null) => {
      if (value === null) delete settings[name]
      else settings[name] = value
    },
  }
  const now = { at: Date.UTC(2026, 10, 25) }
  const clock = { ...systemClock, now: () => now.at }
  const stop = new AbortController()
  t.after(() => stop.abort())
  const runner = new BackupRunner({ store, clock, log: () => {}, program: [path], signal: stop.signal })
  return { runner, settings, now }
}

const made = `process.stdout.write(JSON.stringify({ name: 'a.age', size: 3, apps: 1, removed: [] }))`
const broken = `process.stderr.write('store\\n' + JSON.stringify({ failed: { code: 'no-room', message: 'the disk is full', hint: 'Free it.', details: [] } }) + '\\n'); process.exitCode = 1`

/** `/var/backups` is the machine's: the folder of these is one that is there, below it. */
const here = { to: '/var/backups/.' }

test('what failed stays told until one was made', async t => {
  const { runner, settings, now } = await runnerWith(t, broken)
  settings['backup.schedule'] = JSON.stringify({ on: true, everyHours: 24, keep: 7, ...here })
  await assert.rejects(runner.now(), { code: 'no-room', message: 'the disk is full', hint: 'Free it.' })
  const { last, lastGood, running } = await runner.status()
  assert.deepEqual(last?.failed, { message: 'the disk is full', hint: 'Free it.' })
  assert.equal(lastGood, null)
  assert.equal(running, false)
  settings['backup.since'] = String(now.at)
  now.at += 47 * 3_600_000
  assert.equal((await runner.status()).overdue, false)
  now.at += 2 * 3_600_000
  assert.equal((await runner.status()).overdue, true)
})

test('a good one is kept in mind, and only one is made at a time', async t => {
  const { runner, settings, now } = await runnerWith(t, made)
  settings['backup.schedule'] = JSON.stringify({ on: true, everyHours: 24, keep: 7, ...here })
  const [first, second] = await Promise.allSettled([runner.now(), runner.now()])
  assert.equal(first.status, 'fulfilled')
  assert.equal(second.status === 'rejected' && (second.reason as { code: string }).code, 'conflict')
  const { last, lastGood } = await runner.status()
  assert.deepEqual(lastGood, { at: now.at, made: { name: 'a.age', size: 3, apps: 1, removed: [] }, failed: null })
  assert.deepEqual(last, lastGood)
})

test('a program that dies silently is told with what it said last', async t => {
  const { runner } = await runnerWith(t, `process.stderr.write('git shop\\n'); process.kill(process.pid, 'SIGKILL')`)
  const file = runner.pack(null, new AbortController().signal)
  await assert.rejects(file.next(), { message: 'the backup program was ended by SIGKILL', details: ['git shop'] })
})

test('whoever leaves ends the program, and the next may begin', async t => {
  const { runner } = await runnerWith(t, `setInterval(() => process.stdout.write('x'.repeat(1000)), 1)`)
  for (let time = 0; time < 2; time++) {
    for await (const chunk of runner.pack(null, new AbortController().signal)) {
      assert.ok(chunk.length > 0)
      break
    }
    assert.equal((await runner.status()).running, false)
  }
})

test('the passphrase goes to the program by no list of arguments', async t => {
  const { runner } = await runnerWith(t, `process.stdout.write(JSON.stringify([job, process.argv.length]))`)
  const { Secret } = await import('../core/secret.ts')
  const said: Uint8Array[] = []
  for await (const chunk of runner.pack(new Secret('hush'), new AbortController().signal)) said.push(chunk)
  assert.deepEqual(JSON.parse(Buffer.concat(said).toString()), [{ do: 'pack', passphrase: 'hush' }, 2])
})

test('a file is given to the program as it is, and what it found comes back', async t => {
  const program = `let n = 0; for await (const chunk of process.stdin) n += chunk.length
    process.stdout.write(JSON.stringify({ apps: n, releases: 0, repositories: 0 }))`
  const { runner } = await runnerWith(t, program)
  async function* file(): AsyncGenerator<Uint8Array> {
    for (let part = 0; part < 40; part++) yield Buffer.alloc(50_000)
  }
  assert.deepEqual(await runner.verify(file(), new AbortController().signal), {
    apps: 2_000_000,
    releases: 0,
    repositories: 0,
  })
})

test('a file that the program reads no further is left as it is: to cancel a request would cut off its answer', async t => {
  const { runner } = await runnerWith(t, `process.stdin.destroy(); ${broken}`)
  let isCancelled = false
  const endless = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false as const, value: Buffer.alloc(64 * 1024) }),
      return: async () => ((isCancelled = true), { done: true as const, value: undefined }),
    }),
  }
  await assert.rejects(runner.verify(endless, new AbortController().signal), { message: 'the disk is full' })
  assert.equal(isCancelled, false)
})

test('a place that the control plane does not reach is refused', async t => {
  const { runner } = await runnerWith(t, made)
  for (const to of ['/mnt/x', '/var/backups', '/var/backups/../x', 'backups', '/var/backups/a//b'])
    await assert.rejects(runner.change({ to }), { code: 'invalid-input' }, to)
  assert.equal((await runner.change({ to: '/var/backups/share/lading', keep: 3 })).schedule.keep, 3)
})

test('an S3 store gets its credentials by no list of arguments, and no one else is told its secret', async t => {
  const { runner, settings } = await runnerWith(
    t,
    `process.stdout.write(JSON.stringify([{ name: JSON.stringify(job), size: 1 }]))`,
  )
  const to = 's3://my-backups/lading'
  await assert.rejects(runner.change({ to }), { code: 'invalid-input', message: /no credentials/ })
  const known = { endpoint: 'https://s3.example.com', region: 'eu', accessKeyId: 'key' }
  const status = await runner.change({ to, s3: { ...known, secretAccessKey: 'hush' } })
  assert.deepEqual(status.schedule.s3, known)
  assert.ok(!JSON.stringify(status).includes('hush'))
  assert.ok(!settings['backup.schedule']?.includes('hush'))
  const [reported] = await runner.kept()
  assert.deepEqual(JSON.parse(reported?.name ?? ''), { do: 'list', to, s3: { ...known, secretAccessKey: 'hush' } })
  // Back to a folder, and to the store again without credentials.
  await runner.change({ to: '/var/backups/lading' })
  assert.equal((await runner.change({ to })).schedule.to, to)
})
