import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { App, Platform } from '../host.ts'

const registry = 'lading-registry'

/** Ways to a release that the story does not take: other lock files, no push, a worker, an image that is lost. */
export function waysToARelease(platform: () => Platform): void {
  const pushed = async (app: App, argv?: readonly string[]): Promise<string> => {
    const push = await app.push(argv)
    assert.equal(push.code, 0, push.stderr)
    return push.stderr
  }

  test('an app with a lock file of pnpm runs with its production dependencies only', async () => {
    const app = await platform().create('by-pnpm', 'apps/by-pnpm')
    await pushed(app)
    await app.answers('pnpm 172800000 without development')
  })

  test('an app with a lock file of Yarn and a build step runs what it built, without what built it', async () => {
    const app = await platform().create('by-yarn', 'apps/by-yarn')
    await pushed(app)
    await app.answers('yarn 3 172800000 without development')
  })

  test(
    'an app that pnpm starts has pnpm, what it built, and nothing of what built it, in .pnpm neither',
    outer,
    async () => {
      const app = await platform().create('pnpm-starts', 'apps/pnpm-starts')
      await pushed(app)
      await app.answers('pnpm 3 172800000 without development')
    },
  )

  test('lading deploy: a commit that was pushed before is released again, and the branch stays', async () => {
    const app = await platform().create('again', 'apps/hello')
    const first = await app.git(['rev-parse', 'HEAD'])
    await pushed(app)
    const second = await app.commitVersion('v2')
    await pushed(app)
    await app.answers('v2')
    assert.match((await app.push()).stderr, /Everything up-to-date/)

    await app.lading(['deploy', first.slice(0, 10)])
    await app.answers('v1')
    await app.lading(['deploy'])
    await app.answers('v2')
    assert.equal(await app.remoteHead(), second)
    const commits = (await app.releases()).map(({ commit }) => commit)
    assert.deepEqual(commits, [second, first, second, first])

    const unknown = await platform().cli(['deploy', 'abcdef0', '--app', app.name])
    assert.notEqual(unknown.code, 0)
    assert.match(unknown.stderr, /abcdef0/)
  })

  test('a new worker is up before the old one is asked to stop', async () => {
    const app = await platform().create('crew', 'apps/worker')
    await pushed(app)
    await app.lading(['scale', 'worker=1'])
    await app.answers('v1')
    const { host } = platform()
    const moment = () => host.run(['date', '+%s.%N'])
    const since = await moment()
    await app.commitVersion('v3')
    await pushed(app)
    await app.answers('v3')
    const filters = ['type=container', 'event=kill', `label=lading.app=${app.name}`, 'label=lading.type=worker']
    const argv = ['docker', 'events', '--since', since, ...filters.flatMap(filter => ['--filter', filter])]
    const format = '{{index .Actor.Attributes "lading.release"}} {{.TimeNano}}'
    const asked = await eventually('the worker of v2 is asked to stop', async () => {
      const kills = (await host.run([...argv, '--until', await moment(), '--format', format])).split('\n')
      return kills.find(line => line.startsWith('2 '))
    })
    const labels = ['app=crew', 'type=worker', 'release=3'].flatMap(one => ['--filter', `label=lading.${one}`])
    const container = await host.run(['docker', 'ps', '--quiet', ...labels])
    // Its own word, with the engine's time: a container that was started says nothing of what runs in it.
    const log = await host.run(['docker', 'logs', '--timestamps', container])
    const said = log.split('\n').find(line => line.includes('worker v3 started'))
    const [upAt, askedAt] = [Date.parse(said?.split(' ')[0] ?? ''), Number(asked.slice(2)) / 1e6]
    assert.ok(upAt < askedAt, `up at ${upAt}, the other asked to stop at ${askedAt}:\n${log}`)
  })

  test(
    'an image that neither node nor registry has: the release says so, and the one that serves goes on',
    outer,
    async () => {
      const app = await platform().create('lost', 'apps/hello')
      // An image that no other app has too.
      await app.commitVersion('lost')
      await pushed(app)
      await app.commitVersion('v2')
      await pushed(app)
      await app.answers('v2')
      const [, first] = await app.releases()
      const { host } = platform()
      await eventually('only v2 runs', async () => {
        const names = await host.run([
          'docker',
          'ps',
          '--filter',
          `label=lading.app=${app.name}`,
          '--format',
          '{{.Names}}',
        ])
        return names.split('\n').length === 1
      })
      const replicas = (count: number) => host.run(['docker', 'service', 'scale', '--detach', `${registry}=${count}`])
      await replicas(0)
      try {
        await eventually('the registry has ended', async () => {
          const filter = `label=com.docker.swarm.service.name=${registry}`
          return (await host.run(['docker', 'ps', '--quiet', '--filter', filter])) === ''
        })
        await host.run(['docker', 'image', 'rm', '--force', first!.image])
        const rollback = await platform().cli(['rollback', 'v1', '--app', app.name])
        assert.notEqual(rollback.code, 0)
        assert.match(rollback.stderr, /the image of v3 is missing on the node/)
        await app.answers('v2')
      } finally {
        await replicas(1)
      }
    },
  )
}
