import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { after, before, test } from 'node:test'
import { eventually } from '../../rig/eventually.ts'
import type { Host } from '../../rig/host.ts'
import type { Platform } from '../host.ts'

const containerPort = 8080
const mirror = 'deb.debian.org:80'

/** Prints for each address given what becomes of a connection to it: a packet that is dropped is never answered. */
export const PROBE = `
  const answers = process.argv.slice(1).map(to => new Promise(done => {
    const [, host, port] = /^\\[?(.*?)\\]?:(\\d+)$/.exec(to)
    const socket = require('net').connect({ host, port: Number(port), timeout: 2000 })
    const end = word => { socket.destroy(); done([to, word]) }
    socket.on('connect', () => end('open')).on('timeout', () => end('dropped')).on('error', e => end(e.code))
  }))
  Promise.all(answers).then(all => console.log(JSON.stringify(Object.fromEntries(all))))
`

export type Run = (argv: readonly string[]) => Promise<string>
export type Answers = Readonly<Record<string, string>>

export async function probe(run: Run, targets: readonly string[]): Promise<Answers> {
  return JSON.parse(await run(['node', '-e', PROBE, ...targets])) as Answers
}

export function all(targets: readonly string[], word: string): Answers {
  return Object.fromEntries(targets.map(to => [to, word]))
}

/** One process as its engine knows it. */
interface Container {
  readonly id: string
  /** On the node: cluster address and the port it got. */
  readonly published: string
  /** On the bridge that publishes it. */
  readonly bridge: string
  /** In its space. */
  readonly space: string
}

/**
 * decision: nodes-closed-to-containers. Containers open no connection to a node but to its edge, spaces do not meet,
 * and the network outside reaches nothing but the edge. Each refusal is of something that answers the node itself, and
 * is gone with the table.
 */
export function firewall(platform: () => Platform, another: () => Promise<Host>): void {
  let host: Host
  let outside: Host
  let sshd: ChildProcess
  let mine: Container
  let other: Container
  let swarm: string[]
  let ssh: string

  const onNode: Run = argv => host.run(argv)
  const inside =
    (container: Container): Run =>
    argv =>
      host.run(['docker', 'exec', container.id, ...argv])
  const inApp: Run = argv => inside(mine)(argv)
  const fromOutside: Run = argv => outside.run(argv)

  before(async () => {
    host = platform().host
    outside = await another()
    const app = await platform().create('inside', 'apps/hello')
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    mine = await containerOf(host, 'inside')
    other = await containerOf(host, 'hello')
    swarm = [`${host.address}:2377`, `${host.address}:7946`]
    // In the place of sshd: it listens on every address of the node, as sshd does.
    sshd = await host.spawn(['node', '-e', "require('net').createServer().listen(22, '0.0.0.0')"])
    ssh = `${host.address}:22`
    await eventually('port 22 is open', async () => (await probe(onNode, [ssh]))[ssh] === 'open')
  })
  after(() => void (sshd?.pid && process.kill(-sshd.pid, 'SIGKILL')))

  test('processes are published on the cluster address and on no other', async () => {
    const listening = (await onNode(['ss', '-Hltnp'])).split('\n').filter(line => line.includes('docker-proxy'))
    assert.ok(listening.length >= 2, 'nothing is published')
    for (const line of listening) assert.match(line, new RegExp(` ${host.address.replaceAll('.', '\\.')}:\\d+ `))
    const rules = (await onNode(['iptables', '-t', 'nat', '-S', 'DOCKER']))
      .split('\n')
      .filter(rule => /DNAT/.test(rule))
    assert.ok(rules.length >= 2, 'nothing is forwarded')
    for (const rule of rules) assert.ok(rule.includes(`-d ${host.address}/32`), rule)
  })

  // Each towards the other: a rule may close one way only.
  const bothWays = () => [
    { from: mine, to: other },
    { from: other, to: mine },
  ]

  test('an app reaches no port of its node: not another app’s, not its own, not the engine’s, not sshd', async () => {
    for (const { from, to } of bothWays()) {
      const gateway = from.bridge.replace(/\.\d+:\d+$/, '.1:22')
      const closed = [to.published, from.published, ...swarm, ssh, gateway]
      assert.deepEqual(await probe(onNode, closed), all(closed, 'open'), 'the node itself reaches them')
      assert.deepEqual(await probe(inside(from), closed), all(closed, 'dropped'))
    }
  })

  test('an app reaches no process of another space by its own addresses, in neither direction', async () => {
    for (const { from, to } of bothWays()) {
      assert.equal((await probe(onNode, [to.bridge]))[to.bridge], 'open', 'the node itself reaches it')
      assert.deepEqual(await probe(inside(from), [to.bridge, to.space]), all([to.bridge, to.space], 'dropped'))
      const self = `${from.space.split(':')[0]}:${containerPort}`
      assert.equal((await probe(inside(from), [self]))[self], 'open', 'its own space is open to it')
    }
  })

  test('an app can call its own public address', async () => {
    const edge = [`${host.address}:80`, `${host.address}:443`]
    assert.deepEqual(await probe(inApp, edge), all(edge, 'open'))
    const call = `require('http').get({ host: '${host.address}', headers: { host: 'inside.${platform().domain}' } }, r => r.pipe(process.stdout))`
    assert.equal(await inApp(['node', '-e', call]), 'v1')
  })

  test('an app reaches the world', async () => {
    assert.deepEqual(await probe(onNode, [mirror]), all([mirror], 'open'))
    assert.deepEqual(await probe(inApp, [mirror]), all([mirror], 'open'))
  })

  test('from outside only the edge and the operator’s own services are open', async () => {
    const closed = [other.published, mine.published, ...swarm]
    assert.deepEqual(await probe(fromOutside, closed), all(closed, 'dropped'))
    const open = [`${host.address}:80`, `${host.address}:443`, ssh]
    assert.deepEqual(await probe(fromOutside, open), all(open, 'open'))
  })

  test('a neighbour that routes to containers through the node does not reach them', async () => {
    const address = other.bridge.split(':')[0]!
    await outside.run(['ip', 'route', 'add', `${address}/32`, 'via', host.address])
    assert.deepEqual(await probe(fromOutside, [other.bridge]), all([other.bridge], 'dropped'))
  })

  test('it is the table that closes them: without it they are open', async () => {
    const closed = (to: Container) => [to.published, ...swarm, ssh]
    const eachIs = async (word: string): Promise<void> => {
      for (const { from, to } of bothWays())
        assert.deepEqual(await probe(inside(from), closed(to)), all(closed(to), word))
    }
    await host.run(['nft', 'delete', 'table', 'inet', 'lading'])
    try {
      await eachIs('open')
      const others = [other.published, ...swarm]
      assert.deepEqual(await probe(fromOutside, others), all(others, 'open'))
    } finally {
      await host.run(['nft', '-f', '/etc/lading/firewall.nft'])
    }
    await eachIs('dropped')
  })
}

export async function containerOf(host: Host, app: string): Promise<Container> {
  const id = await host.run(['docker', 'ps', '-q', '--filter', `label=lading.app=${app}`])
  const text = await host.run(['docker', 'inspect', '--format={{json .NetworkSettings}}', id])
  const settings = JSON.parse(text) as {
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[]>>
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>
  }
  const port = settings.Ports[`${containerPort}/tcp`]![0]!
  const space = Object.values(settings.Networks).find(({ IPAddress }) => IPAddress.startsWith('10.'))!.IPAddress
  const bridge = await bridgeAddress(host, id)
  return {
    id,
    published: `${port.HostIp}:${port.HostPort}`,
    bridge: `${bridge}:${containerPort}`,
    space: `${space}:${containerPort}`,
  }
}

/** Swarm's bridge is in the bridge's list of containers, not in the container's list of networks. */
async function bridgeAddress(host: Host, id: string): Promise<string> {
  const text = await host.run(['docker', 'network', 'inspect', '--format={{json .Containers}}', 'docker_gwbridge'])
  const containers = JSON.parse(text) as Readonly<
    Record<string, { readonly Name: string; readonly IPv4Address: string }>
  >
  const [, found] = Object.entries(containers).find(([long, { Name }]) => long.startsWith(id) || Name.includes(id))!
  return found.IPv4Address.split('/')[0]!
}
