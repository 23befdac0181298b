import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { Rig } from '../rig/rig.ts'
import type { Host } from '../rig/host.ts'
import { installed } from './host.ts'

// The suites that the fakes keep, kept by what they stand for: an engine, a keeper with its edge, the builder.
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eports', say: line => say(`${line}\n`) })
let host: Host
let images: Readonly<Record<string, { readonly id: string; readonly digest: string | null }>>

before(async () => {
  await rig.down()
  host = await rig.up({ name: 'server', debian: 'trixie' })
  await installed(host, { fromCache: true, args: ['--no-hello'] })
  const facts = JSON.parse(await host.run(['cat', '/etc/lading/install.json'])) as { images: typeof images }
  images = facts.images
  // The suites are the only writer: no control plane may sweep what they make.
  await host.run(['docker', 'service', 'scale', 'lading-control=0'])
})
after(() => rig.down())

function inRegistry(name: 'base' | 'node'): string {
  return `127.0.0.1:5443/lading/${name}@${images[name]?.digest}`
}

/** A test file in a process of its own, told by its environment where the real thing is. */
async function keeps(file: string, env: Readonly<Record<string, string>>): Promise<void> {
  const argv = ['--test', '--test-reporter=spec', `test/contract/${file}`]
  // A test process that is told it is one reports to its parent instead of to us.
  const own = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const token = await host.run(['cat', '/etc/lading/registry-token'])
  const given = { LADING_CONTRACT_REGISTRY_TOKEN: token, ...env }
  const child = spawn(process.execPath, argv, { env: { ...own, ...given }, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, said)
  assert.match(said, /ℹ skipped 0/, said)
}

test('the engine keeps the contract of its port', async () => {
  const socket = await host.path('/run/docker.sock')
  await keeps('engine.contract.test.ts', { LADING_CONTRACT_ENGINE: socket, LADING_CONTRACT_IMAGE: inRegistry('node') })
})

test('keeper and edge keep the contract of their port', async () => {
  await keeps('edges.contract.test.ts', {
    LADING_CONTRACT_KEEPER: await host.path('/run/lading/keeper.sock'),
    LADING_CONTRACT_NODE: host.name,
    LADING_CONTRACT_ADDRESS: host.address,
    LADING_CONTRACT_IMAGE: inRegistry('node'),
    LADING_CONTRACT_TERM: '1000000',
  })
})

test('the builder keeps its promises: same files both ways, limits, abort, no image of another app', async () => {
  const where = {
    engine: await host.path('/run/docker.sock'),
    registry: await host.path('/run/lading/registry.sock'),
    gate: {
      socketPath: await host.path('/run/lading/builder/registry.sock'),
      onNode: '/run/lading/builder/registry.sock',
    },
    images: { base: inRegistry('base'), node: inRegistry('node'), builder: images['builder']?.id },
  }
  await keeps('build.real.test.ts', { LADING_BUILD_TEST: JSON.stringify(where) })
})
