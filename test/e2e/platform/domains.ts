import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { connect, type PeerCertificate } from 'node:tls'
import type { AcmeDocument, CertificatesDocument, DomainDocument } from '../../../src/api/documents.ts'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { Host } from '../../rig/host.ts'
import type { App, Platform } from '../host.ts'
import { witnessed } from '../kills/site.ts'
import { Visitor } from './visitor.ts'

const lading = '/opt/lading/lading'
const names = ['shop.acme.test', 'late.acme.test', 'astray.acme.test']
const wild = '*.wild.acme.test'
/** Of the certificates of the test's CA (s): a third of it before their end they are renewed. */
const lifeSeconds = 100
const patience = { withinMs: 240_000, everyMs: 500 }

/**
 * Domains and their certificates, with a real ACME server (Let's Encrypt's pebble, of Debian) on a host of its own: two
 * directories, the first for rehearsals. It asks the names' page at the platform's address and their TXT records of its own
 * name server; the control plane knows the names by its container's hosts file.
 */
export function domains(platform: () => Platform, authorityHost: () => Promise<Host>): void {
  let app: App
  let authority: Host

  const shown = async (host: string): Promise<PeerCertificate> => certificateAt(platform().host.address, host)
  const acme = () => platform().json<AcmeDocument>(['acme'])
  const certs = () => platform().json<CertificatesDocument>(['certs'])
  const order = async (name: string) => (await acme()).orders.find(one => one.name === name)
  const hostsFile = (verb: 'add' | 'rm') => {
    const lines = names.map(
      name => `${name}:${name.startsWith('astray') ? authority.address : platform().host.address}`,
    )
    const flags = lines.flatMap(line => [`--host-${verb}`, line])
    return platform().host.run(['docker', 'service', 'update', '--quiet', ...flags, 'lading-control'])
  }

  const privateNetworks = (...open: string[]) => {
    const [option, policy] = witnessed(platform().host)
    return platform().host.run([lading, 'up', '--no-hello', option!, [policy, ...open].join(',')])
  }

  before(async () => {
    app = await platform().create('named', 'apps/hello')
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    authority = await authorityHost()
    await startPebble(authority, platform().host.address)
    // It is a neighbour in the node's own network, where containers reach no one else.
    await privateNetworks(authority.address)
    await hostsFile('add')
    await eventually('the control plane is back', async () => (await platform().cli(['apps'])).code === 0, patience)
  })
  after(async () => {
    await platform().cli(['acme', 'off'])
    for (const name of [...names, wild]) await app.platform.cli(['domains', 'rm', name, '--app', app.name])
    await hostsFile('rm')
    await privateNetworks()
    await eventually('the control plane is back', async () => (await platform().cli(['apps'])).code === 0, patience)
  })

  test('a domain answers at once, without a release, over HTTPS too; a wildcard stands for one label', async () => {
    for (const name of ['shop.acme.test', 'astray.acme.test', wild]) await app.lading(['domains', 'add', name])
    for (const name of ['shop.acme.test', 'any.wild.acme.test'])
      assert.deepEqual(await platform().get(name), { status: 200, body: 'v1' })
    assert.equal((await platform().get('a.b.wild.acme.test')).status, 404)
    assert.equal((await shown('shop.acme.test')).issuer.O, 'Lading')
    assert.equal((await app.releases()).length, 1)
  })

  test('a name of the platform, or of another app, is refused', async () => {
    const refused = async (name: string) => (await platform().cli(['domains', 'add', name, '--app', app.name])).stderr
    assert.match(await refused(`other.${platform().domain}`), /the platform's to give/)
    await platform().create('thief', 'apps/hello')
    const theft = await platform().cli(['domains', 'add', 'shop.acme.test', '--app', 'thief'])
    assert.match(theft.stderr, /shop.acme.test belongs to named\/production/)
    // A wildcard does not take an exact name.
    assert.deepEqual(await platform().get(app.hostName), { status: 200, body: 'v1' })
  })

  test('domains outlive HAProxy and the control plane', async () => {
    const [haproxy] = await platform().host.processes('haproxy')
    process.kill(haproxy ?? 0, 'SIGKILL')
    await eventually('the edge is back', async () => (await platform().get('any.wild.acme.test')).status === 200)
    await platform().host.run(['docker', 'service', 'update', '--quiet', '--force', 'lading-control'])
    await eventually('the control plane is back', async () => (await platform().cli(['apps'])).code === 0, patience)
    assert.equal((await platform().get('shop.acme.test')).status, 200)
  })

  test('ACME gives each domain a certificate: rehearsed first, by HTTP-01 and, for the wildcard, by the hook', async () => {
    const directories = ['--directory', `https://${authority.address}:14000/dir`]
    directories.push('--staging', `https://${authority.address}:14100/dir`)
    const { address } = authority
    await platform().host.run(['mkdir', '-p', '/etc/lading/hooks'])
    await writeFile(await platform().host.path('/etc/lading/hooks/challtest'), hook(address), { mode: 0o755 })
    const ca = await platform().host.path('/root/pebble.pem')
    await writeFile(ca, await authority.run(['cat', '/root/pebble/tls.pem']))
    const on = ['acme', 'on', ...directories, '--ca', '/root/pebble.pem', '--internal', '--dns-hook']
    const nowhere = await platform().cli([...on, 'nothing'])
    assert.match(nowhere.stderr, /there is no \/etc\/lading\/hooks\/nothing on the server/)
    const given = await platform().cli([...on, 'challtest', '--email', 'ops@example.com'])
    assert.equal(given.code, 0, given.stderr)
    for (const host of ['shop.acme.test', 'any.wild.acme.test']) {
      const byPebble = async () => /Pebble/.test(String((await shown(host)).issuer.CN))
      await eventually(`${host} has its certificate`, byPebble, patience).catch(async (error: unknown) => {
        throw new Error(`${JSON.stringify(await acme(), null, 2)}\n${await log(authority)}`, { cause: error })
      })
    }
    assert.equal((await shown('shop.acme.test')).subjectaltname, 'DNS:shop.acme.test')
    assert.equal((await shown('any.wild.acme.test')).subjectaltname, `DNS:${wild}`)
    assert.equal((await shown(app.hostName)).issuer.O, 'Lading')
    const visitor = await Visitor.of(platform())
    const isRedirected = async () => (await visitor.ask('shop.acme.test', { plain: true })).status === 308
    await eventually('visitors are sent to HTTPS', isRedirected, patience)
    assert.deepEqual(await platform().get(app.hostName), { status: 200, body: 'v1' })
    const rehearsals = await authority.run(['cat', '/root/pebble/14100.log'])
    assert.match(rehearsals, /Issued certificate serial/)
    const { hosts } = await certs()
    assert.equal(hosts.find(one => one.host === 'shop.acme.test')?.source, 'acme')
  })

  test('a name that leads elsewhere is told, and no CA is asked for it', async () => {
    const astray = await eventually('it was looked for', async () => {
      const found = await order('astray.acme.test')
      return (found?.attempts ?? 0) > 0 && found
    })
    assert.equal(astray.state, 'added')
    assert.match(astray.reason, /http:\/\/astray\.acme\.test\/ does not lead here/)
    assert.doesNotMatch(await log(authority), /astray/)
    assert.match((await certs()).warnings.join(), /astray.acme.test gets no certificate by ACME/)
    const doctor = await platform().cli(['doctor'])
    assert.match(doctor.stdout, /astray.acme.test gets no certificate by ACME/)
    await app.lading(['domains', 'rm', 'astray.acme.test'])
  })

  test('a certificate is renewed before its end, and no one who visits sees another one end', outer, async () => {
    const first = await shown('shop.acme.test')
    const renewed = async () => (await shown('shop.acme.test')).serialNumber !== first.serialNumber
    await eventually('it has been renewed', renewed, { withinMs: 3 * lifeSeconds * 1000, everyMs: 1000 })
    assert.ok(Date.parse((await shown('shop.acme.test')).valid_to) > Date.parse(first.valid_to))
    await app.lading(['domains', 'rm', wild])
    assert.ok(!(await keyFiles(platform().host)).some(file => file.includes('wild.acme.test')))
    assert.equal((await platform().get('any.wild.acme.test')).status, 404)
    assert.doesNotMatch(String((await shown('any.wild.acme.test')).issuer.CN), /Pebble/)
  })

  test(
    "a certificate of one's own goes first; when it has ended that is told, and a new one fixes it",
    outer,
    async () => {
      const { host } = platform()
      const make = async (name: string, endsIn: number) => {
        const ends = new Date(Date.now() + endsIn * 1000).toISOString().replace(/[-:T]/g, '').slice(0, 14)
        const argv = [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-noenc',
          '-subj',
          '/CN=mine',
        ]
        argv.push('-addext', `subjectAltName=DNS:${app.hostName}`, '-addext', 'basicConstraints=critical,CA:FALSE')
        argv.push('-not_before', '20260101000000Z', '-not_after', `${ends}Z`)
        await host.run(['openssl', ...argv, '-keyout', `/root/${name}.key`, '-out', `/root/${name}.pem`])
        return ['certs', 'add', '--cert', `/root/${name}.pem`, '--key']
      }
      const first = await make('first', 30)
      const second = await make('second', 40 * 86_400)
      const strange = await platform().cli([...first, '/root/second.key'])
      assert.match(strange.stderr, /the key belongs to none of the certificates/)
      await host.run(['/opt/lading/lading', ...first, '/root/first.key'])
      assert.equal((await shown(app.hostName)).issuer.CN, 'mine')
      const ended = async () => (await certs()).warnings.find(line => line.includes('has ended'))
      assert.match(await eventually('it has ended', ended, patience), /lading certs add/)
      assert.match((await platform().cli(['status'])).stdout, /has ended/)
      assert.match((await platform().cli(['doctor'])).stdout, /has ended/)
      await eventually(
        "the platform CA's is shown",
        async () => (await shown(app.hostName)).issuer.O === 'Lading',
        patience,
      )
      await host.run(['/opt/lading/lading', ...second, '/root/second.key'])
      assert.equal((await shown(app.hostName)).issuer.CN, 'mine')
      assert.deepEqual((await certs()).warnings, [])
      for (const { id } of (await certs()).given) await app.lading(['certs', 'rm', id])
      assert.equal((await shown(app.hostName)).issuer.O, 'Lading')
    },
  )

  test('a domain goes with its app', async () => {
    const all = () => platform().json<DomainDocument[]>(['domains', 'ls', '--all'])
    const others = (await all()).map(one => one.name)
    await platform().host.run(['/opt/lading/lading', 'domains', 'add', 'gone.acme.test', '--app', 'thief'])
    assert.equal((await all()).length, others.length + 1)
    await platform().host.run(['/opt/lading/lading', 'destroy', '--app', 'thief', '--confirm', 'thief'])
    assert.ok(!(await keyFiles(platform().host)).some(file => file.startsWith('thief.')))
    assert.equal((await shown(`thief.${platform().domain}`)).subject.CN, 'lading')
    assert.deepEqual(
      (await all()).map(one => one.name),
      others,
    )
  })
}

/** The certificate that is shown for a host, whoever it is of. */
async function certificateAt(address: string, host: string): Promise<PeerCertificate> {
  const socket = connect({ host: address, port: 443, servername: host, rejectUnauthorized: false })
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    return socket.getPeerCertificate()
  } finally {
    socket.destroy()
  }
}

/** Every certificate with its key that lies on the server. */
async function keyFiles(host: Host): Promise<readonly string[]> {
  const folders = ['/var/lib/lading/control/ca/hosts', '/var/lib/lading/keeper/certificates']
  return (await host.run(['ls', ...folders])).split('\n')
}

function hook(authority: string): string {
  return `#!/usr/bin/env node
const [verb, record, value] = process.argv.slice(2)
const path = verb === 'present' ? 'set-txt' : 'clear-txt'
const body = JSON.stringify({ host: record + '.', value })
const answer = await fetch('http://${authority}:8055/' + path, { method: 'POST', body })
if (!answer.ok) throw new Error(path + ' answered ' + answer.status)
`
}

async function startPebble(host: Host, platform: string): Promise<void> {
  if ((await host.exec(['test', '-x', '/usr/bin/pebble'])).code !== 0) {
    await host.run(['apt-get', 'update', '--quiet'])
    await host.run(['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', 'pebble', 'openssl'])
  }
  await host.run(['mkdir', '-p', '/root/pebble'])
  const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=directory']
  self.push(
    '-addext',
    `subjectAltName=IP:${host.address}`,
    '-keyout',
    '/root/pebble/tls.key',
    '-out',
    '/root/pebble/tls.pem',
  )
  await host.run(['openssl', ...self])
  const dns = ['pebble-challtestsrv', '-defaultIPv4', platform, '-defaultIPv6', '', '-dns01', ':8053']
  dns.push('-http01', '', '-https01', '', '-tlsalpn01', '', '-management', ':8055')
  await background(host, dns, 'names')
  for (const port of [14000, 14100]) {
    const config = {
      listenAddress: `0.0.0.0:${port}`,
      managementListenAddress: `0.0.0.0:${port + 1000}`,
      certificate: '/root/pebble/tls.pem',
      privateKey: '/root/pebble/tls.key',
      httpPort: 80,
      tlsPort: 443,
      certificateValidityPeriod: lifeSeconds,
    }
    await writeFile(await host.path(`/root/pebble/${port}.json`), JSON.stringify({ pebble: config }))
    const argv = ['pebble', '-config', `/root/pebble/${port}.json`, '-dnsserver', '127.0.0.1:8053']
    await background(host, argv, String(port))
    await eventually(`pebble ${port} listens`, async () =>
      /ACME directory available/.test(await log(host, String(port))),
    )
  }
}

/** It goes with the host. */
async function background(host: Host, argv: readonly string[], name: string): Promise<void> {
  const child = await host.spawn(['sh', '-c', 'exec "$@" >"/root/pebble/$0.log" 2>&1', name, ...argv], {
    env: { PEBBLE_VA_NOSLEEP: '1' },
  })
  child.unref()
}

async function log(host: Host, name = '14000'): Promise<string> {
  return readFile(await host.path(`/root/pebble/${name}.log`), 'utf8')
}
