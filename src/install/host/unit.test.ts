import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unitText } from './unit.ts'

test('the engine requires the unit and starts after it', () => {
  const text = unitText({ clusterAddress: '10.0.0.5', clusterInterface: 'shared' }, 'lading0')
  assert.match(text, /^Before=docker\.service docker\.socket/m)
  assert.match(text, /^RequiredBy=docker\.service$/m)
  assert.doesNotMatch(text, /lading0/)
})

test('a reserved address is made before the firewall names it, with or without dummy interfaces', () => {
  const text = unitText({ clusterAddress: '10.64.0.1', clusterInterface: 'reserved' }, 'lading0')
  const lines = text.split('\n').filter(line => line.startsWith('ExecStart='))
  assert.deepEqual(lines, [
    'ExecStart=/usr/bin/install -d -m 0700 /run/lading/registry /run/lading/logs /run/lading/router',
    'ExecStart=-/usr/bin/ln -s /run/lading/logs/logs.sock /run/lading/logs.sock',
    'ExecStart=-/usr/sbin/ip link add lading0 type dummy',
    'ExecStart=-/usr/sbin/ip link add lading0 type bridge',
    'ExecStart=/usr/sbin/ip address replace 10.64.0.1/24 dev lading0',
    'ExecStart=/usr/sbin/ip link set lading0 up',
    'ExecStart=/usr/sbin/nft -f /etc/lading/firewall.nft',
  ])
})
