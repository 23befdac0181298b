import assert from 'node:assert/strict'
import { createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import type { Host } from '../rig/host.ts'
import { eventually } from '../rig/eventually.ts'
import { Platform, type App } from './host.ts'
import { loadImages } from './images-cache.ts'

const lading = '/opt/lading/lading'
const code = '/root/recovery-code'
const file = '/root/lading.age'

interface Made {
  readonly name: string
  readonly to: string
  readonly apps: number
}

/** A platform is backed up, and a bare machine becomes what it was. `app` has two versions behind it, and answers `answer`. */
export function backupAndRestore(
  get: () => { readonly platform: Platform; readonly app: App; readonly answer: string },
  bareHost: () => Promise<Host>,
): void {
  const backups = '/var/backups/lading'
  let bare: Host

  test('a backup that cannot be made is loud until one is', async () => {
    const { host } = get().platform
    await host.run(['rm', '-rf', backups])
    await host.run(['touch', backups])
    const failed = await host.exec([lading, 'backup'])
    assert.notEqual(failed.code, 0)
    const found = await host.exec([lading, 'doctor'])
    assert.match(found.stdout, /✗ backups .*the last one failed/)
    await host.run(['rm', backups])
    const made = JSON.parse(await host.run([lading, 'backup', '--json'])) as Made
    assert.equal(made.to, backups)
    assert.ok(made.apps >= 2)
    assert.match((await host.exec([lading, 'doctor'])).stdout, /· backups .*the last good one/)
    assert.match(await host.run([lading, 'backup', 'ls']), new RegExp(made.name))
  })

  test('one to any folder is encrypted to its owner’s passphrase, and opens with no other', async () => {
    const { host } = get().platform
    await writeFile(await host.path('/root/passphrase'), 'correct horse battery staple\n')
    const argv = [lading, 'backup', '--to', '/root/mine', '--passphrase-file', '/root/passphrase', '--json']
    const { name } = JSON.parse(await host.run(argv)) as Made
    await host.run([lading, 'backup', 'verify', `/root/mine/${name}`, '--passphrase-file', '/root/passphrase'])
    const without = await host.exec([lading, 'backup', 'verify', `/root/mine/${name}`])
    assert.notEqual(without.code, 0)
    assert.match(without.stderr, /cannot be decrypted/)
  })

  test('a bare machine becomes the platform, however often it is killed on the way', async () => {
    const { platform } = get()
    const { host } = platform
    const key = await host.run(['docker', 'exec', await controlPlane(host), 'cat', '/run/secrets/lading-data-key'])
    bare = await bareHost()
    await loadImages(bare)
    const written = await bare.path(file)
    const child = await host.spawn([lading, 'backup', '--to', '-'])
    child.stderr?.resume()
    await pipeline(child.stdout!, createWriteStream(written))
    await writeFile(await bare.path(code), `${key}\n`)
    await writeFile(await bare.path('/root/cut.age'), (await readFile(written)).subarray(0, -100))
    const cut = await bare.exec([lading, 'restore', '/root/cut.age', '--passphrase-file', code])
    assert.notEqual(cut.code, 0)
    assert.match(cut.stderr, /cannot be decrypted/)
    assert.notEqual((await bare.exec(['test', '-e', '/etc/lading'])).code, 0)

    for (const step of ['keys', 'rows and repositories', 'apps']) await killedAt(bare, step)
    await bare.run([lading, 'restore', file, '--passphrase-file', code], { cwd: '/opt/lading' })
    const restored = new Platform(bare, platform.domain, platform.token)
    const { app, answer } = get()
    const answered = await restored.get(app.hostName)
    assert.deepEqual([answered.status, answered.body.trim()], [200, answer])
  })

  test('there it has the same releases, config, branch and tokens, and is a platform like any other', async () => {
    const { platform, app, answer } = get()
    const releases = async (host: Host) =>
      JSON.parse(await host.run([lading, 'releases', '--app', app.name, '--json'])) as {
        number: number
        description: string
        commit: string
      }[]
    const [now, before] = [await releases(bare), await releases(platform.host)]
    const newest = before[0]!
    assert.equal(now[0]?.description, `Restore v${newest.number}`)
    assert.equal(now[0]?.commit, newest.commit)
    assert.deepEqual(
      now.slice(-before.length).map(({ number }) => number),
      before.map(({ number }) => number),
    )
    const config = (host: Host) => host.run([lading, 'config', '--app', app.name])
    assert.equal(await config(bare), await config(platform.host))

    const again = await bare.exec([lading, 'restore', file, '--passphrase-file', code])
    assert.notEqual(again.code, 0)
    assert.match(again.stderr, /has a platform already/)
    const doctor = await bare.exec([lading, 'doctor'])
    assert.equal(doctor.code, 0, doctor.stdout)

    const clone = '/root/clone'
    await bare.run(['git', 'clone', '--quiet', `/var/lib/lading/control/git/${app.name}.git`, clone])
    await bare.run([lading, 'connect', app.name], { cwd: clone })
    const env = {
      GIT_SSL_CAINFO: '/etc/lading/ca.pem',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@b',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@b',
    }
    await bare.run(['git', 'commit', '--quiet', '--allow-empty', '--message', 'After the restore'], { cwd: clone, env })
    const push = await bare.exec(['git', 'push', 'lading', 'main'], { cwd: clone, env })
    assert.equal(push.code, 0, push.stderr)
    const restored = new Platform(bare, platform.domain, platform.token)
    assert.equal((await restored.get(app.hostName)).body.trim(), answer)
  })
}

/** `restore`, and the death of its whole process group when the line of a step appears. */
async function killedAt(host: Host, step: string): Promise<void> {
  const killed = new AbortController()
  let said = ''
  const onOutput = (text: string) => {
    said += text
    if (new RegExp(`^  … ${step}$`, 'm').test(said)) killed.abort(new Error('killed'))
  }
  const argv = [lading, 'restore', file, '--passphrase-file', code]
  await assert.rejects(host.exec(argv, { cwd: '/opt/lading', onOutput, signal: killed.signal }), /killed/, said)
  // The program inside the host ends a moment after the one that entered it.
  await eventually(
    'no restore runs',
    async () => (await host.exec(['pgrep', '-f', 'install/main.ts restore'])).code !== 0,
  )
}

async function controlPlane(host: Host): Promise<string> {
  return host.run(['docker', 'ps', '--quiet', '--filter', 'label=com.docker.swarm.service.name=lading-control'])
}
