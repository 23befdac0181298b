import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNetwork, isWithin, parsePrivateNetworks } from './private-networks.ts'

test('a policy, and what stays open after it, in one spelling', () => {
  assert.deepEqual(parsePrivateNetworks('deny-own'), { policy: 'deny-own', except: [] })
  assert.deepEqual(parsePrivateNetworks('deny-all, 10.1.0.0/24,10.0.0.9,10.0.0.9'), {
    policy: 'deny-all',
    except: ['10.0.0.9', '10.1.0.0/24'],
  })
})

test('what is neither is refused, by its name', () => {
  for (const words of [
    '',
    'deny',
    '10.0.0.9',
    'deny-own,db.internal',
    'allow,10.0.0.0/33',
    'allow,1.2.3.4/',
    'allow,::1%e0',
  ])
    assert.throws(
      () => parsePrivateNetworks(words),
      { code: 'invalid-input', hint: /deny-own, deny-all, allow/ },
      words,
    )
  assert.throws(() => parsePrivateNetworks('allow,10.0.0.9; drop'), { message: /^"10.0.0.9; drop" is no policy/ })
})

test('networks of either family lie within each other, never across', () => {
  for (const [inner, outer] of [
    ['10.1.2.3', '10.0.0.0/8'],
    ['172.31.255.0/24', '172.16.0.0/12'],
    ['fd12:3::/32', 'fc00::/7'],
  ] as const)
    assert.ok(isWithin(inner, outer), inner)
  for (const [inner, outer] of [
    ['10.0.0.0/7', '10.0.0.0/8'],
    ['172.32.0.1', '172.16.0.0/12'],
    ['0.0.0.0/0', '10.0.0.0/8'],
    ['fe80::/64', 'fc00::/7'],
    ['::a00:1', '10.0.0.0/8'],
  ] as const)
    assert.ok(!isWithin(inner, outer), inner)
  assert.deepEqual(['default', '10.0.0.0/8', 'fe80::1%e0', '1.2.3.4/8/9'].map(isNetwork), [false, true, false, false])
})
