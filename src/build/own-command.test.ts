import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ownCommand } from './own-command.ts'

test("Docker's shell form is the command of web, so that its shell does not end before the app", () => {
  assert.equal(ownCommand({ Cmd: ['/bin/sh', '-c', 'A=1 node server.js'] }), 'A=1 node server.js')
  assert.equal(ownCommand({ Entrypoint: ['/bin/sh', '-c', 'node server.js'], Cmd: null }), 'node server.js')
})

test('a package manager starts scripts by a shell: its words are the command of web', () => {
  assert.equal(ownCommand({ Cmd: ['npm', 'run', 'start:prod'] }), 'npm run start:prod')
  assert.equal(
    ownCommand({ Entrypoint: ['docker-entrypoint.sh'], Cmd: ['yarn', 'start'] }),
    'docker-entrypoint.sh yarn start',
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
  assert.equal(ownCommand({ Cmd: ['/bin/bash', '-c', 'node server.js'] }), null)
  assert.equal(ownCommand({}), null)
})
