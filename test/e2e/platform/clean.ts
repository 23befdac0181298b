import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { defaults } from '../../../src/core/defaults.ts'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { App, Platform } from '../host.ts'

interface Cleaned {
  readonly fromRegistry: number
  readonly fromEngine: number
}

/** The images of apps come and go: a disk does not fill with what no one needs. */
export function cleaning(get: () => Platform): void {
  test('the images of an app that is destroyed go, bytes and all, and its name can be used again', async () => {
    const app = await get().create('bulky', 'apps/hello')
    const bytes = 8_000_000
    await app.write('ballast.txt', randomBytes((bytes / 4) * 3).toString('base64'))
    await app.commit('Ballast')
    await pushed(app)
    const full = await registryBytes(get())
    assert.equal((await imagesOf(app)).length, 1)

    await app.lading(['destroy', '--confirm', app.name])
    assert.ok((await cleaned(get())).fromRegistry >= 1)
    // Swarm removes the container a moment after its process has ended; until then its image stays.
    await eventually('the engine has no image of it', async () => {
      await cleaned(get())
      return (await imagesOf(app)).length === 0
    })
    // Text of base64 shrinks to three quarters in the layer.
    const freed = full - (await registryBytes(get()))
    assert.ok(freed > bytes / 2, `${freed} bytes were freed`)

    await app.lading(['create', app.name])
    await pushed(app)
    await app.answers('v1')
  })

  test('a rollback goes back as far as images are kept; further back the commit is built again', outer, async () => {
    const app = await get().create('long', 'apps/hello')
    const commits: string[] = []
    const versions = defaults.imagesKept + 2
    for (let n = 1; n <= versions; n++) {
      commits.push(await app.commitVersion(`version ${n}`))
      await pushed(app)
    }
    await eventually('the engine has the images that are kept, and no other', async () => {
      await cleaned(get())
      return (await imagesOf(app)).length === defaults.imagesKept
    })

    const oldest = versions - defaults.imagesKept + 1
    await app.lading(['rollback', `v${oldest}`])
    await app.answers(`version ${oldest}`)
    const tooFar = await get().cli(['rollback', 'v1', '--app', app.name])
    assert.notEqual(tooFar.code, 0)
    assert.match(
      tooFar.stderr,
      new RegExp(`image of v1 is not kept any more.*lading deploy ${commits[0]!.slice(0, 7)}`, 's'),
    )
    await app.answers(`version ${oldest}`)
    await app.lading(['deploy', commits[0]!])
    await app.answers('version 1')
  })
}

async function pushed(app: App): Promise<void> {
  const push = await app.push()
  assert.equal(push.code, 0, push.stderr)
}

/** While a build runs nothing is removed. */
async function cleaned(platform: Platform): Promise<Cleaned> {
  return eventually('no build runs, and images are removed', () => platform.json<Cleaned>(['clean']))
}

async function imagesOf({ name, platform }: App): Promise<string[]> {
  const format = '{{.Repository}}@{{.Digest}}'
  const list = await platform.host.run(['docker', 'images', '--digests', '--format', format])
  return list.split('\n').filter(line => line.startsWith(`127.0.0.1:5443/${name}@`))
}

async function registryBytes({ host }: Platform): Promise<number> {
  return Number((await host.run(['du', '--summarize', '--bytes', '/var/lib/lading/registry'])).split('\t')[0])
}
