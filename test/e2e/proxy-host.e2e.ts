import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Host } from '../rig/host.ts'
import { Rig } from '../rig/rig.ts'
import { CompanyProxy } from './company-proxy.ts'
import { installed, type Platform } from './host.ts'

// A bare machine in a company: no route leads out and no name is known, but for an HTTP proxy that reads TLS with an
// authority of its own. Besides, its private address comes from DHCP, and it has a public one.
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eproxy', say: line => say(`${line}\n`) })
const publicAddress = '203.0.113.9'

let host: Host
let proxy: CompanyProxy
let platform: Platform
let said = ''

before(async () => {
  await rig.down()
  host = await rig.up({ name: 'inside', debian: 'trixie', variant: 'bare', names: false })
  proxy = await CompanyProxy.start(host.address.replace(/\d+$/, '1'))
  await host.run(['ip', 'route', 'delete', 'default'])
  const lasting = ['valid_lft', '86400', 'preferred_lft', '86400']
  await host.run(['ip', 'address', 'change', `${host.address}/24`, 'dev', 'e0', ...lasting])
  await host.run(['ip', 'address', 'add', `${publicAddress}/32`, 'dev', 'e0'])
  await host.run(['tee', '/usr/local/share/ca-certificates/company.crt'], { input: proxy.authority })
  await host.run(['update-ca-certificates'])
})
after(async () => {
  await rig.down()
  await proxy[Symbol.asyncDispose]()
})

test('it installs: packages, images, the example; and the dependencies of the checkout', async () => {
  assert.notEqual((await host.exec(['curl', '-sS', '-m', '3', 'http://deb.debian.org/'])).code, 0, 'there is a way out')
  await host.run(['rm', '-r', '/opt/lading/node_modules'])
  const env = { http_proxy: proxy.url, https_proxy: proxy.url, NODE_EXTRA_CA_CERTS: '' }
  const hear = (text: string) => {
    said += text
    say(text)
  }
  platform = await installed(host, { say: hear, env, ownCertificates: true })
  assert.match((await platform.get(`hello.${platform.domain}`)).body, /Hello from Lading/)
})

test('a public address gives names that lead to it, a private one from DHCP is not the cluster’s', async () => {
  assert.equal(platform.domain, `${publicAddress}.sslip.io`)
  assert.match(said, /cluster address .* 10\.\d+\.0\.1, on lading0/)
  assert.match(await host.run(['ip', '-brief', 'address', 'show', 'lading0']), / 10\.\d+\.0\.1\/24/)
  const curl = /from here +(curl .+)$/m.exec(said)?.[1] ?? ''
  assert.match(await host.run(['bash', '-c', curl]), /Hello from Lading/)
})

test('builds of apps go through it: npm’s packages, and what a Dockerfile fetches', async () => {
  const node = await platform.create('shop', 'apps/by-pnpm')
  const push = await node.push()
  assert.equal(push.code, 0, push.stderr)
  const docker = await platform.create('fetcher', 'apps/dockerfile')
  const text = await docker.read('Dockerfile')
  await docker.write(
    'Dockerfile',
    text.replace(/^(FROM .*)$/m, '$1\nUSER root\nRUN apt-get update && env | grep -c _proxy'),
  )
  await docker.commit('Fetch')
  const second = await docker.push()
  assert.equal(second.code, 0, second.stderr)
  assert.equal((await docker.get()).status, 200)
})

test('images, apps and processes carry nothing of it, and nothing local goes through it', async () => {
  const ids = (await host.run(['docker', 'ps', '--quiet', '--filter', 'label=lading.role'])).split('\n')
  const apps = (await host.run(['docker', 'ps', '--quiet', '--filter', 'label=lading.app=fetcher'])).split('\n')
  assert.ok(ids.length > 0 && apps.length > 0)
  assert.doesNotMatch(await host.run(['docker', 'inspect', ...apps]), /_proxy/i)
  const images = (await host.run(['docker', 'images', '--quiet'])).split('\n')
  assert.doesNotMatch(await host.run(['docker', 'image', 'inspect', ...new Set(images)]), /_proxy/i)
  const outside = /^https?:\/\/(deb\.debian\.org|security\.debian\.org|registry\.npmjs\.org|registry-1\.docker\.io)$/
  assert.deepEqual(
    [...proxy.seen].filter(origin => !outside.test(origin)),
    [],
  )
  assert.ok(proxy.seen.has('https://registry.npmjs.org'))
  assert.ok(proxy.seen.has('https://registry-1.docker.io'), 'the control plane asks by it what is in reach')
})

test('a second run from a shell without the variables remembers it and changes nothing', async () => {
  const before = await host.run(['cat', '/etc/lading/install.json'])
  const again = await host.run(['/opt/lading/lading', 'up'])
  assert.doesNotMatch(again, /✓/)
  assert.equal(await host.run(['cat', '/etc/lading/install.json']), before)
})
