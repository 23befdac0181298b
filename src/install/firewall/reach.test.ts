import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decidedPolicy, ownNetworks, resolversOf, widest, type Route } from './reach.ts'

test('own networks are the private ones that the machine is in or has a way to, through a tunnel too', () => {
  const routes: Route[] = [
    { dst: 'default', dev: 'e0' },
    { dst: '0.0.0.0/1', dev: 'tun0' },
    { dst: '192.168.7.0/24', dev: 'e0' },
    // As a cloud gives a private network: the address is a /32, the network is behind a router.
    { dst: '10.20.0.0/16', dev: 'e1' },
    { dst: '10.20.0.1', dev: 'e1' },
    { dst: '100.64.0.7', dev: 'tailscale0' },
    { dst: '203.0.113.0/24', dev: 'e0' },
    { dst: '192.168.122.0/24', dev: 'virbr0' },
    { dst: 'fd12::/64', dev: 'e0' },
    { dst: 'fe80::/64', dev: 'e0' },
    { dst: '192.168.7.11', dev: 'e0', type: 'local' },
  ]
  assert.deepEqual(ownNetworks(routes), [
    '10.20.0.0/16',
    '100.64.0.7',
    '192.168.122.0/24',
    '192.168.7.0/24',
    'fd12::/64',
  ])
})

test('an engine’s own bridges and our interface are none: they come and go', () => {
  const devices = ['docker0', 'docker_gwbridge', 'br-0a1b2c3d4e5f', 'veth12', 'lading0', 'lo']
  assert.deepEqual(ownNetworks(devices.map(dev => ({ dst: '172.17.0.0/16', dev }))), [])
  assert.deepEqual(ownNetworks([{ dst: '10.0.3.0/24', dev: 'br-ext' }]), ['10.0.3.0/24'])
})

test('a network within another is not said twice: an interval must not overlap', () => {
  assert.deepEqual(widest(['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8', 'fd00::/8']), ['10.0.0.0/8', 'fd00::/8'])
})

test('name servers are those that engines give to containers, wherever they are named', () => {
  assert.deepEqual(resolversOf('nameserver 127.0.0.53\noptions edns0\n', 'nameserver 10.0.0.2\n', ''), ['10.0.0.2'])
  assert.deepEqual(resolversOf('# nameserver 10.9.9.9\n nameserver\tfd00::53\nnameserver fe80::1%e0\n', '', ''), [
    'fd00::53',
  ])
  assert.deepEqual(resolversOf('', '', '{ "dns": ["10.0.0.3", "x"] }'), ['10.0.0.3'])
})

test('without a word of the operator the node’s own networks are closed', () => {
  assert.deepEqual(decidedPolicy(undefined), { policy: 'deny-own', except: [] })
})
