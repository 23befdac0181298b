import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ownCommand } from './own-command.ts'

test("Docker's shell form is the command of web, so that its shell does not end before the app", () => {
  assert.equal(ownCommand({ Cmd: ['/bin/sh', '-c', 'A=1 node server.js'] }), 'A=1 node server.js')
  assert.equal(ownCommand({ Entrypoint: ['/bin/sh', '-c', 'node server.js'], Cmd: null }), 'node server.js')
  assert.equal(ownCommand({ Cmd: ['sh', '-c', 'A=1 node server.js'] }), 'A=1 node server.js')
  assert.equal(ownCommand({ Entrypoint: ['sh', '-c'], Cmd: ['node server.js'] }), 'node server.js')
})

test('another shell, and options, stay as they are: the text begins with a trap', () => {
  const trapped = "'trap : TERM; A=1 node .'"
  const command = (...list: string[]) => ownCommand({ Cmd: [...list, 'A=1 node .'] })
  assert.equal(command('bash', '-c'), `bash -c ${trapped}`)
  assert.equal(command('/usr/bin/bash', '-euo', 'pipefail', '-c'), `/usr/bin/bash -euo pipefail -c ${trapped}`)
  assert.equal(command('bash', '--login', '-c'), `bash --login -c ${trapped}`)
  assert.equal(command('/bin/ash', '-ec'), `/bin/ash -ec ${trapped}`)
  assert.equal(command('tini', '-s', '--', 'sh', '-c'), `tini -s -- sh -c ${trapped}`)
  assert.equal(ownCommand({ Cmd: ['sh', '-c', 'node "$0"', 'a.js'] }), `sh -c 'trap : TERM; node "$0"' a.js`)
})

test('at SIGTERM such a shell waits for its child, and its exit code is the one that counts', async () => {
  const child = 'process.on("SIGTERM", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000)'
  const script = `true && "${process.execPath}" -e '${child}' || exit $?`
  const command = ownCommand({ Cmd: ['bash', '-euo', 'pipefail', '-c', script] })
  const args = ['-c', `trap : TERM; ${command}`]
  const shell = spawn('sh', args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(shell.stdout, 'data')
  process.kill(-(shell.pid ?? 0), 'SIGTERM')
  assert.deepEqual(await once(shell, 'exit'), [7, null])
})

test('a package manager starts scripts by a shell: its words are the command of web', () => {
  assert.equal(ownCommand({ Cmd: ['npm', 'run', 'start:prod'] }), 'npm run start:prod')
  assert.equal(
    ownCommand({ Entrypoint: ['docker-entrypoint.sh'], Cmd: ['yarn', 'start'] }),
    'docker-entrypoint.sh yarn start',
  )
  assert.equal(ownCommand({ Entrypoint: ['npm', 'start'], Cmd: null }), 'npm start')
  assert.equal(ownCommand({ Entrypoint: ['npm'], Cmd: ['start'] }), 'npm start')
  assert.equal(ownCommand({ Cmd: ['/usr/local/bin/npx', 'serve'] }), '/usr/local/bin/npx serve')
})

test('a small init before a package manager stays before it', () => {
  const command = 'dumb-init -- npm start'
  assert.equal(ownCommand({ Entrypoint: ['dumb-init', '--'], Cmd: ['npm', 'start'] }), command)
  assert.equal(
    ownCommand({ Entrypoint: ['entry.sh'], Cmd: ['dumb-init', 'pnpm', 'start'] }),
    'entry.sh dumb-init pnpm start',
  )
  assert.equal(
    ownCommand({ Entrypoint: ['/usr/bin/tini', '-s', '--', 'npm', 'start'] }),
    '/usr/bin/tini -s -- npm start',
  )
})

test('an entry point keeps its place before a command in shell form, whatever is in its text', async () => {
  const command = ownCommand({ Entrypoint: ['env', 'SAID=it is'], Cmd: ['/bin/sh', '-c', `echo "$SAID" 'so'`] })
  const { stdout } = await promisify(execFile)('sh', ['-c', command ?? ''])
  assert.equal(stdout, 'it is so\n')
})

test("a program that is started without a shell stays the image's own: there may be no shell", () => {
  assert.equal(ownCommand({ Cmd: ['node', 'server.js'] }), null)
  assert.equal(ownCommand({ Entrypoint: ['/serve'], Cmd: null }), null)
  assert.equal(ownCommand({ Entrypoint: ['/sbin/tini', '--'], Cmd: ['node', 'server.js'] }), null)
  assert.equal(ownCommand({ Entrypoint: ['tini', '--'], Cmd: null }), null)
  assert.equal(ownCommand({ Cmd: ['bash', 'start.sh', '-c'] }), null)
  assert.equal(ownCommand({ Cmd: ['/serve', 'npm', 'start'] }), null)
  assert.equal(ownCommand({}), null)
})
