import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogEntry } from '../../../src/api/documents.ts'
import { eventually } from '../../rig/eventually.ts'
import type { App, Platform } from '../host.ts'

const kept = '/var/lib/lading/logs'

/** What processes said is there when they are gone, each line once, whoever was killed. */
export function logs(get: () => Platform): void {
  test('lines of a release that is gone, of a release phase that crashed and of every request, through two deaths of the follower', async () => {
    const app = await get().create('tells', 'apps/tells')
    assert.equal((await app.push()).code, 0)
    await app.answers('v1')
    await app.commitVersion('v2')
    assert.equal((await app.push()).code, 0)
    await app.answers('v2')
    await eventually('no container of the first release is left', async () => {
      const filters = ['--filter', `label=lading.app=${app.name}`, '--filter', 'label=lading.release=1']
      return (await get().host.run(['docker', 'ps', '-aq', ...filters])) === ''
    })

    const paths = Array.from({ length: 60 }, (_, at) => `/number-${at}`)
    for (const [at, path] of paths.entries()) {
      await app.get(path)
      if (at % 25 === 24) await killFollower(get())
    }
    await app.commitVersion('bad')
    assert.notEqual((await app.push()).code, 0)

    const entries = await eventually('the last lines are kept', async () => {
      const all = await read(app, ['-n', '2000'])
      return all.some(({ text }) => text.includes('the migration crashes')) && all.some(isOf(paths.at(-1)!)) && all
    })
    const said = entries.map(({ source, release, text }) => `${source} ${release} ${text}`)
    for (const line of ['release.1 v1 v1 migrates', 'web.1 v1 v1 listens', 'web.1 v1 v1 goes', 'web.1 v2 v2 listens'])
      assert.equal(said.filter(one => one === line).length, 1, line)
    for (const path of paths) {
      assert.equal(said.filter(line => line === `web.1 v2 v2 is asked ${path}`).length, 1, path)
      assert.equal(entries.filter(isOf(path)).length, 1, `router ${path}`)
    }
    const times = entries.map(({ time }) => time)
    assert.ok(
      times.every(time => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(time)),
      times[0],
    )
    assert.deepEqual(times, times.toSorted())

    const ofPhases = await read(app, ['--process', 'release'])
    assert.ok(ofPhases.length > 2 && ofPhases.every(({ source }) => source === 'release.1'))
    assert.deepEqual(await read(app, ['--source', 'router', '--since', '2999-01-01T00:00:00Z']), [])
    assert.ok((await read(app, ['--source', 'build'])).some(({ text }) => text.includes('migrates')))

    await app.lading(['destroy', '--confirm', app.name])
    // Later lines of its containers bring nothing back.
    const folders = await get().host.run(['ls', kept])
    assert.doesNotMatch(folders, new RegExp(`^${app.name}$`, 'm'))
  })

  test('our own are kept too, and read without the control plane', async () => {
    const { code, stdout, stderr } = await get().cli(['logs', '--platform', '-n', '5000'])
    assert.equal(code, 0, stderr)
    for (const source of ['control.1', 'keeper-1', 'logs', 'router']) assert.match(stdout, new RegExp(`Z ${source}: `))
  })
}

function isOf(path: string): (entry: LogEntry) => boolean {
  return ({ source, text }) => source === 'router' && text.includes(`path="${path}"`)
}

async function read(app: App, argv: readonly string[]): Promise<LogEntry[]> {
  const text = await app.lading(['logs', '--json', ...argv])
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as LogEntry)
}

/** As the kernel does it when memory is short: the engine starts it again. */
async function killFollower({ host }: Platform): Promise<void> {
  const pid = () => host.run(['pgrep', '-f', '^node .*/follower.js'])
  const before = await pid()
  await host.run(['kill', '-9', before])
  await eventually('another follower runs', async () => (await pid()) !== before)
}
