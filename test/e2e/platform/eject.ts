import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../rig/eventually.ts'
import { App, type Platform } from '../host.ts'

/** Values that shells, dotenv files and Compose each read in their own way. */
const config: Readonly<Record<string, string>> = {
  QUOTES: `it's "quoted" \\ \\n`,
  LINES: 'one\ntwo\n\tthree',
  DOLLARS: '$HOME ${HOME} $$',
  TEMPLATE: '{{.Node.Hostname}}',
  SIGNS: ' ü 😀 # no: comment ',
}

const server = `
require('node:http').createServer((request, response) => {
  const { LADING_PROCESS_TYPE, MIGRATED, ...env } = process.env
  response.end(JSON.stringify(env))
}).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`

/** What is ejected runs by its README alone, also when the app is gone from the platform. */
export function eject(get: () => Platform): void {
  test('an app that was ejected and then destroyed answers as before, by the commands of its README', async () => {
    const platform = get()
    const { host } = platform
    const app = await platform.create('leaver', 'apps/hello')
    await app.write('server.js', server)
    await app.write('Procfile', 'web: node server.js\nworker: sleep 1000\nrelease: echo migrated $QUOTES\n')
    await app.write('package.json', '{ "name": "leaver", "version": "1.0.0", "private": true }\n')
    await app.commit('Say the environment')
    const values = Object.entries(config).map(([key, value]) => `${key}=${value}`)
    await app.lading(['set', ...values])
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    await app.lading(['scale', 'web=2', 'worker=1'])
    const before = JSON.parse((await app.get()).body) as Record<string, string>
    assert.deepEqual(pick(before), config)

    await app.lading(['eject', app.name, '--to', '/root/left'])
    const again = await platform.cli(['eject', app.name, '--to', '/root/left'])
    assert.match(again.stderr, /there is something in \/root\/left/)
    const modes = await host.run(['sh', '-c', 'cd /root/left && stat --format "%a %n" *'])
    assert.match(modes, /^600 compose\.override\.yaml$/m)
    assert.equal((await host.exec(['grep', '-r', 'quoted', '/root/left/compose.yaml'])).code, 1)
    await app.lading(['destroy', '--confirm', app.name])
    await eventually('its images are gone', async () => {
      await platform.json(['clean'])
      const images = await host.run(['docker', 'images', '--format', '{{.Repository}}'])
      return !images.includes(`127.0.0.1:5443/${app.name}`)
    })

    await host.run(['apt-get', 'update', '-qq'])
    await host.run(['apt-get', 'install', '-qq', '--yes', 'docker-compose'])
    try {
      const commands = readmeCommands(await host.run(['cat', '/root/left/README.md']))
      assert.equal(commands.length, 4)
      const [load, release, up, ask] = commands.map(line =>
        line.replace(/^docker compose/, 'docker-compose').split(' '),
      )
      await host.run(load!, { cwd: '/root/left' })
      const phase = await host.run(release!, { cwd: '/root/left' })
      assert.match(phase, /migrated it's "quoted"/)
      await host.run(up!, { cwd: '/root/left' })
      const after = await eventually('it answers', async () => JSON.parse(await host.run(ask!)) as typeof before)
      assert.deepEqual(pick(after), config)
      assert.deepEqual({ ...after, HOSTNAME: '', LADING_RELEASE: '' }, { ...before, HOSTNAME: '', LADING_RELEASE: '' })
      const running = await host.run(['docker', 'ps', '--format', '{{.Image}} {{.Label "com.docker.compose.service"}}'])
      const ours = running.split('\n').filter(line => line.startsWith('localhost/leaver:v2 '))
      assert.deepEqual(ours.map(line => line.split(' ')[1]).sort(), ['web', 'web', 'worker'])
    } finally {
      await host.run(['docker-compose', 'down', '--timeout', '1'], { cwd: '/root/left' })
    }
  })

  test('it comes back from its bundle, under its name, and nothing of its first life counts against it', async () => {
    const platform = get()
    const back = new App(platform, 'leaver')
    await platform.host.run(['rm', '-r', back.folder])
    await platform.host.run(['git', 'clone', '--quiet', '/root/left/repository.bundle', back.folder])
    await back.lading(['create', back.name])
    const push = await back.push()
    assert.equal(push.code, 0, push.stderr)
    // The two processes of the first v2 have ended: the keeper remembers them, with the same labels.
    await back.lading(['scale', 'web=2'])
    assert.equal((await back.get()).status, 200)
    await back.lading(['destroy', '--confirm', back.name])
    await platform.host.run(['rm', '-r', '/root/left', back.folder])
  })
}

function pick(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(config).map(key => [key, environment[key] ?? '']))
}

/** The lines of the first block. */
function readmeCommands(text: string): readonly string[] {
  return (text.split('```\n')[1] ?? '').trim().split('\n')
}
