import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firewallText, foreignBridges, type FirewallFacts } from './firewall.ts'

const facts: FirewallFacts = {
  clusterAddress: '10.0.0.5',
  clusterInterface: 'shared',
  addressPool: '10.192.0.0/12',
  nodes: ['10.0.0.5', '10.0.0.6'],
  foreignBridges: [],
  reach: { closed: ['192.168.7.0/24', 'fd12::/64'], open: [], resolvers: [], proxies: [] },
}

/** The rules of one chain. */
function chain(text: string, name: string): string[] {
  const body = text.slice(text.indexOf(`chain ${name} {`))
  return body
    .slice(0, body.indexOf('\n  }'))
    .split('\n')
    .slice(1)
    .map(line => line.trim())
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

const infrastructure = ['169.254.0.0/16', '168.63.129.16', '100.100.100.200', 'fe80::/10', 'fd00:ec2::/32']

test('infrastructure is closed to containers, on the node and beyond it, before the edge’s ports are opened', () => {
  const text = firewallText(facts)
  const rules = chain(text, 'infrastructure')
  for (const network of infrastructure) {
    const family = network.includes(':') ? 'ip6' : 'ip'
    for (const what of [family, `ct original ${family}`])
      assert.ok(
        rules.some(
          rule => rule.startsWith(`${what} daddr {`) && rule.includes(` ${network},`) && rule.endsWith(' drop'),
        ),
        `${what} ${network}`,
      )
  }
  for (const name of ['to_node', 'from_container']) {
    const judged = chain(text, name)
    const opens = judged.findIndex(rule => rule.includes('{ 80, 443 } accept'))
    assert.ok(opens > judged.indexOf('jump infrastructure') && judged.includes('jump infrastructure'), name)
  }
})

test('every container bridge is judged: Docker’s, Swarm’s, and those that an engine names by a number', () => {
  const rules = chain(firewallText(facts), 'forwarded_containers')
  for (const bridge of ['docker0', 'docker_gwbridge', ...[...'0123456789abcdef'].map(digit => `br-${digit}*`)])
    assert.ok(rules.includes(`iifname "${bridge}" jump from_container`), bridge)
})

test('what is closed of private networks is closed by both addresses, after the edges of the nodes were opened', () => {
  const text = firewallText(facts)
  assert.equal(chain(text, 'from_container').at(-1), 'jump private_networks')
  assert.deepEqual(chain(text, 'closed_networks'), [
    'ip daddr { 192.168.7.0/24 } drop',
    'ct original ip daddr { 192.168.7.0/24 } drop',
    'ip6 daddr { fd12::/64 } drop',
    'ct original ip6 daddr { fd12::/64 } drop',
  ])
  const open = firewallText({ ...facts, reach: { ...facts.reach, closed: [] } })
  assert.deepEqual(chain(open, 'private_networks'), [])
})

test('what the operator left open, name servers and the proxy stay open, these at their port only', () => {
  const text = firewallText({
    ...facts,
    reach: {
      ...facts.reach,
      open: ['192.168.7.9', 'fd12::9/128'],
      resolvers: ['192.168.7.1', '169.254.169.254'],
      proxies: [{ address: '192.168.7.2', port: 3128 }],
    },
  })
  const dns = (address: string) =>
    `ct original ip daddr ${address} meta l4proto { tcp, udp } ct original proto-dst 53 return`
  assert.deepEqual(chain(text, 'private_networks').slice(0, 5), [
    'ct original ip daddr 192.168.7.9 return',
    'ct original ip6 daddr fd12::9/128 return',
    dns('192.168.7.1'),
    dns('169.254.169.254'),
    'ct original ip daddr 192.168.7.2 meta l4proto tcp ct original proto-dst 3128 return',
  ])
  assert.deepEqual(chain(text, 'infrastructure').slice(0, 2), [dns('192.168.7.1'), dns('169.254.169.254')])
})

test('containers of one bridge still reach each other; a bridge of the operator leads to a network like any other', () => {
  const rules = chain(firewallText({ ...facts, foreignBridges: ['br-ext'] }), 'private_networks')
  assert.deepEqual(rules.slice(0, 2), ['oifname "br-ext" goto closed_networks', 'oifname "docker0" return'])
  assert.equal(rules.at(-1), 'goto closed_networks')
})
