import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firewallText, foreignBridges, type FirewallFacts } from './firewall.ts'

const facts: FirewallFacts = {
  clusterAddress: '10.0.0.5',
  clusterInterface: 'shared',
  addressPool: '10.192.0.0/12',
  nodes: ['10.0.0.5', '10.0.0.6'],
  foreignBridges: [],
}

test('the table is replaced in one transaction and no other table is named', () => {
  const text = firewallText(facts)
  assert.match(text, /\ntable inet lading\ndelete table inet lading\ntable inet lading \{\n/)
  assert.deepEqual(
    [...text.matchAll(/\btable (\S+ \S+)/g)].map(match => match[1]),
    ['inet lading', 'inet lading', 'inet lading'],
  )
  assert.doesNotMatch(text, /flush/)
})

test('all nodes are in the set that may reach published ports', () => {
  assert.match(firewallText(facts), /elements = \{ 10\.0\.0\.5, 10\.0\.0\.6 \}/)
})

test('an address that serves other purposes keeps them: only Swarm’s ports are closed to strangers', () => {
  assert.doesNotMatch(firewallText(facts), /ip daddr 10\.0\.0\.5/)
  assert.match(firewallText(facts), /tcp dport \{ 2377, 7946 \} drop/)
})

test('a reserved address takes nothing from strangers but the edge’s ports', () => {
  const text = firewallText({ ...facts, clusterInterface: 'reserved' })
  assert.match(text, /ip daddr 10\.0\.0\.5 tcp dport != \{ 80, 443 \} drop/)
  assert.match(text, /ip daddr 10\.0\.0\.5 meta l4proto udp drop/)
})

test('a bridge of the operator that looks like an engine’s is left alone, before the patterns', () => {
  const text = firewallText({ ...facts, foreignBridges: ['br-ext'] })
  for (const chain of ['containers', 'forwarded_containers']) {
    const rules = text.slice(text.indexOf(`chain ${chain} {`))
    assert.ok(rules.indexOf('iifname "br-ext" return') < rules.indexOf('iifname "br-e*"'))
  }
})

test('bridges of an engine are told from the operator’s by their twelve hexadecimal digits', () => {
  const names = ['lo', 'br-lan', 'br-ext', 'br-0a1b2c3d4e5f', 'br-dead', 'docker0']
  assert.deepEqual(foreignBridges(names), ['br-dead', 'br-ext'])
})
