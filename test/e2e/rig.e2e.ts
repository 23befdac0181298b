import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '../rig/eventually.ts'
import type { Host } from '../rig/host.ts'
import { outcome } from '../rig/program.ts'
import { Rig } from '../rig/rig.ts'

const rig = new Rig({ name: 'e2erig', say: line => process.stderr.write(`${line}\n`) })
let manager: Host
let worker: Host

before(async () => {
  await rig.down()
  manager = await rig.up({ name: 'manager', debian: 'trixie' })
  worker = await rig.up({ name: 'worker', debian: 'bookworm', names: false })
})
after(() => rig.down())

async function nodeState(name: string): Promise<string | undefined> {
  const lines = await manager.run(['docker', 'node', 'ls', '--format', '{{.Hostname}} {{.Status}}'])
  return lines
    .split('\n')
    .find(line => line.startsWith(`${name} `))
    ?.split(' ')[1]
}

const reaches = async (from: Host, address: string): Promise<boolean> =>
  (await from.exec(['ping', '-c', '1', '-W', '1', address])).code === 0

test('a host is a machine of its own: processes, name, network, and the checkout without a way to change it', async () => {
  assert.equal(await worker.run(['hostname']), 'worker')
  assert.equal(await worker.run(['ps', '-o', 'comm=', '-p', '1']), 'perl')
  assert.match(await worker.run(['cat', '/etc/os-release']), /bookworm/)
  assert.match(await manager.run(['cat', '/etc/os-release']), /trixie/)
  assert.match(await worker.run(['cat', '/etc/resolv.conf']), /^nameserver 127\.0\.0\.1$/)
  await worker.run(['touch', '/opt/lading/written-in-the-host'])
  assert.equal((await manager.exec(['test', '-e', '/opt/lading/written-in-the-host'])).code, 1)
  assert.equal((await outcome(['test', '-e', `${worker.facts.checkout}/written-in-the-host`])).code, 1)
})

test('engines of two Debian releases make one swarm across hosts', async () => {
  await Promise.all([manager.startEngine(), worker.startEngine()])
  await manager.run(['docker', 'swarm', 'init', '--advertise-addr', manager.address])
  const token = await manager.run(['docker', 'swarm', 'join-token', '-q', 'worker'])
  await worker.run(['docker', 'swarm', 'join', '--token', token, `${manager.address}:2377`])
  await eventually('the worker is Ready', async () => (await nodeState('worker')) === 'Ready')
})

test('a cut cable is seen by the swarm, a healed one too', async () => {
  assert.equal(await reaches(manager, worker.address), true)
  await worker.cut()
  assert.equal(await reaches(manager, worker.address), false)
  await eventually('the worker is Down', async () => (await nodeState('worker')) === 'Down')
  await worker.heal()
  await eventually('the worker answers', () => reaches(manager, worker.address))
  await eventually('the worker is Ready again', async () => (await nodeState('worker')) === 'Ready')
})

test('an engine killed and started again is the same node', async () => {
  assert.equal(await worker.killEngine(), 1)
  await worker.startEngine()
  await eventually('the worker is Ready again', async () => (await nodeState('worker')) === 'Ready')
})

test('a host that lost power boots from the same disk with nothing running', async () => {
  await worker.run(['touch', '/root/kept'])
  await worker.run(['touch', '/run/lost'])
  await worker.power()
  assert.equal(await worker.pid(), null)
  await worker.boot()
  assert.equal((await worker.exec(['test', '-e', '/root/kept'])).code, 0)
  assert.equal((await worker.exec(['test', '-e', '/run/lost'])).code, 1)
  assert.deepEqual(await worker.enginePids(), [])
  await worker.startEngine()
  assert.equal(await worker.run(['docker', 'info', '-f', '{{.Swarm.LocalNodeState}}']), 'active')
})

test('a host with a disk of its own can be full', async () => {
  const host = await rig.up({ name: 'small', diskBytes: 256 * 1024 * 1024 })
  await host.fill(0)
  const write = ['dd', 'if=/dev/zero', 'of=/root/file', 'bs=1M', 'count=8']
  assert.match((await host.exec(write)).stderr, /No space left on device/)
  await host.fill(null)
  assert.equal((await host.exec(write)).code, 0)
})

test('taken down, a rig leaves nothing behind', async () => {
  const bridge = 'bre2erig'
  assert.match((await outcome(['iptables-save'])).stdout, new RegExp(bridge))
  await rig.down()
  assert.doesNotMatch((await outcome(['iptables-save'])).stdout, new RegExp(bridge))
  assert.notEqual((await outcome(['ip', 'link', 'show', 'dev', bridge])).code, 0)
  assert.doesNotMatch((await outcome(['ip', 'netns', 'list'])).stdout, /e2erig/)
  assert.doesNotMatch((await outcome(['mount'])).stdout, /e2erig/)
  assert.deepEqual((await outcome(['find', '/sys/fs/cgroup', '-path', '*lading-rig/e2erig*'])).stdout, '')
})
