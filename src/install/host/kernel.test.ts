import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enabledControllers, moduleNames } from './kernel.ts'

test('modules are known by name, however they are packed and whether they are built in', () => {
  const builtin = ['kernel/net/bridge/bridge.ko', 'kernel/fs/overlayfs/overlay.ko'].join('\n')
  const loadable = [
    'kernel/drivers/net/vxlan/vxlan.ko.xz: kernel/net/ipv4/udp_tunnel.ko.xz kernel/net/ipv6/ip6_udp_tunnel.ko.xz',
    'kernel/net/netfilter/nf-tables.ko:',
  ].join('\n')
  const names = moduleNames(`${builtin}\n${loadable}`)
  assert.deepEqual([...names], ['bridge', 'overlay', 'vxlan', 'nf_tables'])
})

test('a controller that the kernel was started without is not enabled', () => {
  const table = ['#subsys_name\thierarchy\tnum_cgroups\tenabled', 'cpu\t1\t168\t1', 'memory\t0\t1\t0'].join('\n')
  assert.deepEqual([...enabledControllers(table)], ['cpu'])
})
