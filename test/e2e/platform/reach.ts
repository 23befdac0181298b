import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { after, before, test } from 'node:test'
import type { AppDocument, LimitDocument } from '../../../src/api/documents.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Host } from '../../rig/host.ts'
import type { Platform } from '../host.ts'
import { witnessed } from '../kills/site.ts'
import { all, containerOf, probe, PROBE, type Answers, type Run } from './firewall.ts'

const port = 8888
/** Where clouds hand out the machine's credentials; the others are the same service elsewhere. */
const metadata = ['169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200', '192.0.0.192']
const metadata6 = 'fd00:ec2::254'
/** No one's: the operator translates them, one into the neighbour, one of the link into it too. */
const translated = ['203.0.113.7', '169.254.7.7']
const network6 = 'lading-e2e-six'

/**
 * A container reaches the internet and what it was given, no infrastructure: a neighbour in the node's own network plays
 * the cloud's metadata service, under each of its addresses, and answers the node itself.
 */
export function reach(platform: () => Platform, another: () => Promise<Host>): void {
  let host: Host
  let outside: Host
  let listener: ChildProcess
  let closed: string[]
  let app: string
  let six: string
  /** A container of the operator's, on the bridge that the builder is on. */
  let neighbour: Neighbour

  const onNode: Run = argv => host.run(argv)
  const inside =
    (container: string): Run =>
    argv =>
      host.run(['docker', 'exec', container, ...argv])

  before(async () => {
    host = platform().host
    outside = await another()
    listener = await outside.spawn(['node', '-e', `require('net').createServer().listen(${port}, '::')`])
    for (const address of metadata) {
      await outside.run(['ip', 'address', 'replace', `${address}/32`, 'dev', 'e0'])
      await host.run(['ip', 'route', 'replace', `${address}/32`, 'via', outside.address])
    }
    await host.run(['ip', '-6', 'address', 'replace', 'fd77::11/64', 'dev', 'e0', 'nodad'])
    for (const address of [`${metadata6}/128`, 'fd77::12/64'])
      await outside.run(['ip', '-6', 'address', 'replace', address, 'dev', 'e0', 'nodad'])
    await host.run(['ip', '-6', 'route', 'replace', `${metadata6}/128`, 'via', 'fd77::12'])
    await outside.run(['ip', '-6', 'route', 'replace', 'fd78::/64', 'via', 'fd77::11'])
    for (const address of translated) {
      const rule = ['-d', address, '-p', 'tcp', '-j', 'DNAT', '--to-destination', outside.address]
      await host.run(['iptables', '-t', 'nat', '-A', 'PREROUTING', ...rule])
      await host.run(['iptables', '-t', 'nat', '-A', 'OUTPUT', ...rule])
    }
    closed = [...metadata, ...translated, outside.address].map(address => `${address}:${port}`)
    const open = async () => JSON.stringify(await probe(onNode, closed)) === JSON.stringify(all(closed, 'open'))
    await eventually('the node itself reaches them', open)
    const created = await platform().create('curious', 'apps/hello')
    const push = await created.push()
    assert.equal(push.code, 0, push.stderr)
    app = (await containerOf(host, 'curious')).id
    six = await containerOfSix(host)
    neighbour = await neighbourOfBuilder(host)
  })
  after(async () => {
    if (listener?.pid) process.kill(-listener.pid, 'SIGKILL')
    for (const address of translated) {
      const rule = ['-d', address, '-p', 'tcp', '-j', 'DNAT', '--to-destination', outside.address]
      for (const chain of ['PREROUTING', 'OUTPUT']) await host.run(['iptables', '-t', 'nat', '-D', chain, ...rule])
    }
    for (const address of metadata) await host.run(['ip', 'route', 'delete', `${address}/32`])
    await host.run(['docker', 'rm', '--force', six, neighbour.id])
    await host.run(['docker', 'network', 'rm', network6])
    await host.run(['ip', '-6', 'address', 'delete', 'fd77::11/64', 'dev', 'e0'])
  })

  test('an app reaches no metadata service and no neighbour of its node, translated or not', async () => {
    assert.deepEqual(await probe(inside(app), closed), all(closed, 'dropped'))
  })

  test('a container on a bridge of its own reaches none either, by IPv6 neither', async () => {
    const every = [...closed, `[${metadata6}]:${port}`, `[fd77::12]:${port}`]
    assert.deepEqual(await probe(onNode, every.slice(-2)), all(every.slice(-2), 'open'))
    // The neighbour's network came after "lading up" looked at the routes: the next one closes it.
    assert.deepEqual(await probe(inside(six), every.slice(0, -1)), all(every.slice(0, -1), 'dropped'))
  })

  test('a step of a build reaches none, and no neighbour of its builder; neither does the engine that runs it', async () => {
    const beside = `${neighbour.address}:${port}`
    assert.deepEqual(await probe(onNode, [beside]), all([beside], 'open'))
    const every = [...closed, beside]
    const build = await platform().create('digger', 'apps/hello')
    const run = `RUN ["node", "-e", ${JSON.stringify(PROBE)}, ${every.map(to => JSON.stringify(to)).join(', ')}]`
    await build.write('Dockerfile', `FROM node:24\n${run}\nWORKDIR /app\nCOPY . .\nCMD ["node", "server.js"]\n`)
    await build.commit('Ask around')
    const push = await build.push()
    const answers = /\{"169\.254\.169\.254:[^}]*\}/.exec(push.stderr)?.[0]
    assert.ok(answers !== undefined, push.stderr)
    assert.deepEqual(JSON.parse(answers) as Answers, all(every, 'dropped'))
    for (const to of every) {
      const argv = [
        'docker',
        'exec',
        'lading-builder',
        'socat',
        '-T1',
        '-u',
        `TCP:${to},connect-timeout=1`,
        '/dev/null',
      ]
      assert.notEqual((await host.exec(argv)).code, 0, `${to} answers the builder`)
    }
  })

  test('the policy is shown', async () => {
    const limits = await platform().json<LimitDocument[]>(['limits'])
    assert.equal(limits.find(({ name }) => name === 'privateNetworks')?.value, witnessed(host)[1])
    const shown = await platform().json<AppDocument>(['info', '--app', 'curious'])
    assert.equal(shown.privateNetworks, witnessed(host)[1])
    const set = await platform().cli(['limits', 'set', 'privateNetworks=allow'])
    assert.match(set.stderr, /privateNetworks is fixed: lading up takes --private-networks/)
  })

  test('it is the table that closes them: without it they are open', async () => {
    await host.run(['nft', 'delete', 'table', 'inet', 'lading'])
    try {
      assert.deepEqual(await probe(inside(app), closed), all(closed, 'open'))
      const to = [`[${metadata6}]:${port}`]
      assert.deepEqual(await probe(inside(six), to), all(to, 'open'))
    } finally {
      await host.run(['nft', '-f', '/etc/lading/firewall.nft'])
    }
    assert.deepEqual(await probe(inside(app), closed), all(closed, 'dropped'))
  })
}

/** A container of the operator's, on a bridge that the engine named, with IPv6. */
async function containerOfSix(host: Host): Promise<string> {
  await host.run(['docker', 'network', 'create', '--ipv6', '--subnet', 'fd78::/64', network6])
  return startNode(host, network6, 'setInterval(() => {}, 1e6)')
}

interface Neighbour {
  readonly id: string
  readonly address: string
}

async function neighbourOfBuilder(host: Host): Promise<Neighbour> {
  const id = await startNode(host, 'bridge', `require('net').createServer().listen(${port}, '0.0.0.0')`)
  const address = await host.run(['docker', 'inspect', '--format={{.NetworkSettings.IPAddress}}', id])
  return { id, address }
}

async function startNode(host: Host, network: string, program: string): Promise<string> {
  const { images } = JSON.parse(await host.run(['cat', '/etc/lading/install.json'])) as {
    readonly images: Readonly<Record<string, { readonly id: string }>>
  }
  const argv = ['docker', 'run', '--detach', '--init', '--network', network, images['node']!.id, 'node', '-e', program]
  return host.run(argv)
}
