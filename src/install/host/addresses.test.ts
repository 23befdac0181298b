import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chooseClusterAddress,
  chooseRanges,
  isPrivate,
  overlaps,
  publicDomain,
  type InterfaceAddress,
} from './addresses.ts'

const at = (name: string, address: string, more: Partial<InterfaceAddress> = {}): InterfaceAddress => ({
  name,
  address,
  prefix: 24,
  dynamic: false,
  ...more,
})

test('a fixed private address of an interface becomes the cluster address', () => {
  const addresses = [at('eth0', '203.0.113.9'), at('eth1', '10.0.0.5')]
  assert.deepEqual(chooseClusterAddress(addresses, [], null), { address: '10.0.0.5', kind: 'shared' })
})

test('of several fixed private addresses none is chosen: it is asked for, and could never be changed', () => {
  const addresses = [at('eth0', '10.0.0.5'), at('eth1', '192.168.1.7'), at('docker0', '172.17.0.1')]
  assert.throws(() => chooseClusterAddress(addresses, [], null), {
    code: 'conflict',
    message: 'this machine has several fixed private addresses: 10.0.0.5 (eth0), 192.168.1.7 (eth1)',
  })
  assert.deepEqual(chooseClusterAddress(addresses, [], '192.168.1.7'), { address: '192.168.1.7', kind: 'shared' })
})

test('a public address of an interface gives names that lead to it, no other does', () => {
  assert.equal(publicDomain([at('eth1', '10.0.0.5'), at('eth0', '203.0.113.9')]), '203.0.113.9.sslip.io')
  for (const address of ['192.168.1.7', '172.31.0.1', '100.64.0.9', '169.254.3.4', '127.0.0.2', '224.0.0.1'])
    assert.equal(publicDomain([at('eth0', address)]), null, address)
  assert.equal(publicDomain([at('tun0', '203.0.113.9')]), null)
})

test('the bridges of an engine are not a place in a network', () => {
  const addresses = [at('docker0', '172.17.0.1'), at('br-0a1b2c3d4e5f', '172.18.0.1'), at('eth0', '203.0.113.9')]
  assert.deepEqual(chooseClusterAddress(addresses, [], null), { address: '10.64.0.1', kind: 'reserved' })
})

test('a tunnel is not a place in a network: its address goes with it', () => {
  for (const name of ['wg0', 'ppp0', 'ztr2qx', 'podman0', 'tailscale0', 'ipsec0', 'tun0'])
    assert.equal(chooseClusterAddress([at(name, '10.8.0.2')], [], null).kind, 'reserved', name)
})

test('an address from DHCP may change, so a reserved one is taken', () => {
  assert.equal(chooseClusterAddress([at('eth0', '192.168.1.7', { dynamic: true })], [], null).kind, 'reserved')
})

test('a reserved address overlaps nothing the machine has a route to', () => {
  const chosen = chooseClusterAddress([at('eth0', '203.0.113.9')], ['10.64.0.0/14', '0.0.0.0/32'], null)
  assert.equal(chosen.address, '10.68.0.1')
})

test('an address that was asked for must be one of this machine', () => {
  assert.equal(chooseClusterAddress([at('eth0', '203.0.113.9')], [], '203.0.113.9').address, '203.0.113.9')
  assert.throws(() => chooseClusterAddress([at('eth0', '203.0.113.9')], [], '10.1.1.1'), /is not an address/)
})

test('ranges for containers keep clear of the routes', () => {
  const ranges = chooseRanges(['172.30.0.0/16', '10.200.0.0/16'])
  assert.deepEqual(ranges, { gatewaySubnet: '172.29.240.0/20', addressPool: '10.208.0.0/12' })
})

test('a machine without a free range is told so', () => {
  assert.throws(() => chooseRanges(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']), /is free on this machine/)
})

test('ranges overlap when one contains the other, in both orders', () => {
  assert.ok(overlaps('10.0.0.0/8', '10.4.0.0/16'))
  assert.ok(overlaps('10.4.0.0/16', '10.0.0.0/8'))
  assert.ok(!overlaps('10.4.0.0/16', '10.5.0.0/16'))
  assert.ok(isPrivate('172.31.255.254') && !isPrivate('172.32.0.1'))
})
