import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { RunOptions } from '../rig/program.ts'
import { Rig } from '../rig/rig.ts'
import { installed, type Platform } from './host.ts'

/**
 * The inner ring on a machine that has Lading: once while it runs, with every variable that could mislead a test, once
 * with its engine dead, once as someone else who can write nothing in the checkout. No test may notice.
 */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eherm', say: line => say(`${line}\n`) })
let platform: Platform

before(async () => {
  await rig.down()
  platform = await installed(await rig.up({ name: 'server', debian: 'trixie' }), { say, fromCache: true })
})
after(() => rig.down())

const hostile = {
  GIT_SSL_CAINFO: '/nowhere/ca.pem',
  GIT_SSL_CAPATH: '/nowhere',
  GIT_DIR: '/nowhere/git',
  GIT_AUTHOR_DATE: 'yesterday',
  http_proxy: 'http://127.0.0.1:9',
  https_proxy: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  ALL_PROXY: 'http://127.0.0.1:9',
  NODE_OPTIONS: '--unhandled-rejections=warn',
  NODE_ENV: 'production',
  DOCKER_HOST: 'tcp://127.0.0.1:1',
  LADING_URL: 'https://elsewhere.example',
  LADING_TOKEN: 'f'.repeat(64),
  LADING_APP: 'someone',
  XDG_CONFIG_HOME: '/nowhere/config',
  TZ: 'Asia/Kathmandu',
  LANG: 'tr_TR.UTF-8',
  COLUMNS: '20',
}

test('beside a platform that runs, with hostile variables and a hostile .gitconfig', async () => {
  const { host } = platform
  await host.run(['git', 'config', '--global', 'core.hooksPath', '/nowhere/hooks'])
  await host.run(['git', 'config', '--global', 'init.defaultBranch', 'trunk'])
  await host.run(['git', 'config', '--global', 'commit.gpgSign', 'true'])
  await passes(['bash', 'test/run', '--ring', 'inner'], { env: hostile })
})

test('beside a platform whose engine is dead', async () => {
  await platform.host.killEngine()
  await passes(['bash', 'test/run', '--ring', 'inner'])
  await platform.host.startEngine()
})

test('as another user, in a checkout that cannot be written', async () => {
  const { host } = platform
  await host.run(['useradd', '--create-home', 'someone'])
  await passes([
    'setpriv',
    '--reuid=someone',
    '--regid=someone',
    '--clear-groups',
    'bash',
    'test/run',
    '--ring',
    'inner',
  ])
})

async function passes(argv: readonly string[], options: RunOptions = {}): Promise<void> {
  const { code, stdout, stderr } = await platform.host.exec(argv, { cwd: '/opt/lading', ...options })
  assert.equal(code, 0, (stdout + stderr).slice(-8_000))
}
