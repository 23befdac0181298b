import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { eventually } from '../rig/eventually.ts'
import type { Host } from '../rig/host.ts'
import { Rig } from '../rig/rig.ts'
import { installed, type App, type Platform } from './host.ts'
import { changes, snapshot, type Snapshot } from './snapshot.ts'

// A machine that was someone's before: an engine with a container, a volume, a network and a daemon.json, and four packet
// filters at once, each of which refuses what it was not told to let in. The platform works beside each, nothing of
// theirs is changed, and `down --purge` leaves the machine as it was found.
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2ewall', say: line => say(`${line}\n`) })

const nftablesConf = `table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state vmap { established : accept, related : accept, invalid : drop }
    ip protocol icmp accept
    tcp dport { 22, 80, 443 } accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname { "docker0", "docker_gwbridge" } accept
    ct status dnat accept
  }
}
`
const legacyRules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22,80,443 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
-A FORWARD -i docker+ -j ACCEPT
COMMIT
`
const daemonJson = `{ "log-driver": "json-file", "log-opts": { "max-size": "7m" }, "bip": "172.19.0.1/16" }\n`

/** What each admin does to close the web, and what `doctor` must tell him to open it again. */
const firewalls = [
  {
    name: 'ufw',
    close: [['ufw', 'delete', 'allow', '80,443/tcp']],
    fix: 'ufw allow 80,443/tcp',
  },
  {
    name: 'firewalld',
    close: [
      ['firewall-cmd', '--permanent', '--remove-service=http', '--remove-service=https'],
      ['firewall-cmd', '--reload'],
    ],
    fix: 'firewall-cmd --permanent --add-service=http --add-service=https && firewall-cmd --reload',
  },
  {
    name: 'nftables',
    close: [
      ['nft', 'flush', 'chain', 'inet', 'filter', 'input'],
      ['nft', 'add', 'rule', 'inet', 'filter', 'input', 'iif', 'lo', 'accept'],
      ['nft', 'add', 'rule', 'inet', 'filter', 'input', 'tcp', 'dport', '22', 'accept'],
      ['nft', 'add', 'rule', 'inet', 'filter', 'input', 'ct', 'state', 'established,related', 'accept'],
    ],
    fix: "nft insert rule inet filter input tcp dport '{ 80, 443 }' accept",
  },
  {
    name: 'iptables-legacy',
    close: [['iptables-legacy', '-R', 'INPUT', '3', '-p', 'tcp', '-m', 'tcp', '--dport', '22', '-j', 'ACCEPT']],
    fix: 'iptables-legacy -I INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT',
  },
] as const

let host: Host
let platform: Platform
let app: App
let asItWas: Snapshot

async function write(path: string, text: string): Promise<void> {
  await host.run(['tee', path], { input: text })
}

/** Someone's engine: its own configuration, and a web server that is to be up all the time. */
async function startTheirEngine(): Promise<void> {
  await host.run(['mkdir', '-p', '/etc/docker'])
  await write('/etc/docker/daemon.json', daemonJson)
  await host.startEngine()
  await host.run(['mkdir', '-p', '/srv/theirs/bin', '/srv/theirs/www'])
  await host.run(['cp', '/usr/bin/busybox', '/srv/theirs/bin/busybox'])
  await write('/srv/theirs/www/index.html', 'theirs\n')
  await host.run(['tar', '-C', '/srv/theirs', '-cf', '/srv/theirs.tar', '.'])
  await host.run(['docker', 'import', '/srv/theirs.tar', 'theirs:1'])
  await host.run(['docker', 'volume', 'create', 'theirs'])
  await host.run(['docker', 'network', 'create', 'theirs'])
  const web = ['/bin/busybox', 'httpd', '-f', '-p', '8080', '-h', '/www']
  const options = [
    '--name=theirs',
    '--restart=always',
    '--network=theirs',
    '--volume=theirs:/data',
    '--publish=8080:8080',
  ]
  await host.run(['docker', 'run', '--detach', ...options, 'theirs:1', ...web])
}

async function startTheirFirewalls(): Promise<void> {
  await host.run(['mkdir', '-p', '/run/dbus'])
  await host.run(['dbus-daemon', '--system', '--fork'])
  await host.run(['firewall-offline-cmd', '--add-service=http', '--add-service=https'])
  await host.run(['setsid', '--fork', 'firewalld'])
  await eventually('firewalld runs', async () => (await host.exec(['firewall-cmd', '--state'])).code === 0)
  await host.run(['ufw', 'allow', '22/tcp'])
  await host.run(['ufw', 'allow', '80,443/tcp'])
  await host.run(['ufw', '--force', 'enable'])
  await write('/etc/nftables.conf', nftablesConf)
  await host.run(['nft', '-f', '/etc/nftables.conf'])
  await host.run(['iptables-legacy-restore'], { input: legacyRules })
}

/** What becomes of a connection from outside: a packet that is dropped is never answered. */
function from(port: number): Promise<string> {
  return new Promise(resolve => {
    const socket = connect({ host: host.address, port, timeout: 2000 })
    const end = (word: string) => {
      resolve(word)
      socket.destroy()
    }
    socket.once('connect', () => end('open'))
    socket.once('timeout', () => end('dropped'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
}

/** Of the doctor's lines those that have something to say: `way in: … → …`. */
async function wrong(): Promise<string[]> {
  const { stdout } = await platform.cli(['doctor', '--json'])
  const { checks } = JSON.parse(stdout) as {
    checks: { title: string; obstacles: { what: string; next: string }[] }[]
  }
  return checks.flatMap(({ title, obstacles }) => obstacles.map(({ what, next }) => `${title}: ${what} → ${next}`))
}

/** Types the command that stands after the arrow, without what is said of it in brackets. */
async function obey(line: string): Promise<void> {
  await host.run(['bash', '-c', line.slice(line.indexOf('→') + 1).replace(/ \(.*\)$/, '')])
}

/** In a container of the app, by Node: what it answers is printed. */
async function inApp(script: string): Promise<string> {
  const id = await host.run(['docker', 'ps', '--quiet', '--filter', 'label=lading.app=shop'])
  return host.run(['docker', 'exec', id, 'node', '-e', script])
}

const reach = (address: string, port: number) =>
  inApp(`const s = require('net').connect({ host: '${address}', port: ${port}, timeout: 3000 })
    const end = word => { console.log(word); s.destroy() }
    s.on('connect', () => end('open')).on('timeout', () => end('dropped')).on('error', e => end(e.code))`)

before(async () => {
  await rig.down()
  host = await rig.up({ name: 'walls', debian: 'trixie' })
  // One of the platform's tools is to be missing, so that there is a package for it to bring and to take away.
  await host.run(['apt-get', 'purge', '-q', '-y', '--autoremove', 'mmdebstrap'])
  await host.run(['apt-get', 'update', '-q'])
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const packages = ['ufw', 'firewalld', 'dbus', 'busybox-static']
  await host.run(['apt-get', 'install', '-q', '-y', '--no-install-recommends', ...packages], { env })
  await startTheirFirewalls()
  // Once as below, so that their own files are afterwards what they were: both keep the order of commands.
  for (const { name, close, fix } of firewalls)
    if (name === 'ufw' || name === 'firewalld') for (const argv of [...close, ['bash', '-c', fix]]) await host.run(argv)
  await startTheirEngine()
  asItWas = await snapshot(host)
})
after(() => rig.down())

test('it installs beside four firewalls and a foreign engine, and changes none of their rules', async () => {
  platform = await installed(host, { say, fromCache: true })
  app = await platform.create('shop', 'apps/dockerfile')
  const push = await app.push()
  assert.equal(push.code, 0, push.stderr)
  const rules = changes(asItWas, await snapshot(host)).filter(line => /^(nftables|iptables-legacy) [-] /.test(line))
  assert.deepEqual(rules, [])
  assert.deepEqual(await wrong(), [])
})

test('apps and their container answer from outside, and the ports of the cluster are closed', async () => {
  await app.answers('v1')
  assert.deepEqual(await Promise.all([80, 443, 8080].map(from)), ['open', 'open', 'open'])
  assert.deepEqual(await Promise.all([2377, 7946].map(from)), ['dropped', 'dropped'])
  assert.equal(await reach(host.address, 443), 'open', 'its own public address')
  assert.equal(await reach('deb.debian.org', 80), 'open', 'the world')
})

for (const { name, close, fix } of firewalls)
  test(`${name} that lets no one in: "up --check" and the doctor tell the command that opens it, and it does`, async () => {
    for (const argv of close) await host.run(argv)
    assert.notEqual(await from(443), 'open')
    assert.ok((await platform.cli(['up', '--check'])).stdout.includes(`${name} lets no connection in on 80 and 443`))
    const found = await wrong()
    assert.equal(found.length, 1, found.join('\n'))
    assert.ok(found[0]?.startsWith(`way in: ${name} lets no connection in on 80 and 443`), found[0])
    assert.ok(found[0]?.includes(`→ ${fix}`), found[0])
    await obey(found[0] ?? '')
    assert.deepEqual(await wrong(), [])
    await app.answers('v1')
  })

test('nftables that lets no container out: "up" is refused with the commands that open it, and they do', async () => {
  await host.run(['nft', 'flush', 'chain', 'inet', 'filter', 'forward'])
  assert.notEqual(await reach('deb.debian.org', 80), 'open')
  const up = await platform.cli(['up'])
  assert.notEqual(up.code, 0)
  assert.match(up.stderr, /nftables lets no container out by e0 \(table inet filter, chain forward\)/)
  const line = up.stderr.split('\n').find(each => each.includes('nft insert rule inet filter forward')) ?? ''
  await obey(`→ ${line}`)
  assert.equal(await reach('deb.debian.org', 80), 'open')
  assert.deepEqual(await wrong(), [])
})

test('"down --purge" leaves the machine as it was', async () => {
  // Their own rules, and the developer's folder, as they were before the tests above.
  await host.run(['rm', '-r', '/root/apps'])
  await host.run(['nft', 'delete', 'table', 'inet', 'filter'])
  await host.run(['nft', '-f', '/etc/nftables.conf'])
  await host.run(['iptables-legacy-restore'], { input: legacyRules })
  const down = await platform.cli(['down', '--purge', '--yes'])
  assert.equal(down.code, 0, down.stderr)
  assert.deepEqual(changes(asItWas, await snapshot(host)), [])
  assert.equal(await from(8080), 'open')
})
