import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { iptablesTable } from './iptables-rules.ts'
import { nftTables } from './nft-rules.ts'
import { closedToContainers, closedToVisitors, type OtherFirewalls } from './other-firewalls.ts'
import type { Table } from './packet-judge.ts'

/** As the programs of Debian 13 print them, of a host whose visitors come by e0. */
function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, '../../../test/fixtures/firewalls', name), 'utf8')
}

function on(...tables: (Table | null)[]): OtherFirewalls {
  const bridges = ['docker0', 'docker_gwbridge']
  return { outside: 'e0', tables: tables.filter(table => table !== null), bridges }
}

const withoutEngine = (firewalls: OtherFirewalls): OtherFirewalls => ({ ...firewalls, bridges: [] })

const saved = (...rules: string[]) => iptablesTable('iptables-legacy', ['*filter', ...rules, 'COMMIT', ''].join('\n'))
const nextOf = (refusals: readonly { next: string }[]) => refusals.map(({ next }) => next)

test('ufw that lets 80 and 443 in refuses nothing, beside an engine', () => {
  const ufw = on(iptablesTable('iptables', fixture('ufw.rules')))
  assert.deepEqual(closedToVisitors(ufw), [])
  assert.deepEqual(closedToContainers(ufw), [])
})

test('ufw without that rule is told how to open them', () => {
  const rules = fixture('ufw.rules').replace(/^.*--dports 80,443 .*\n/m, '')
  const [refusal, ...others] = closedToVisitors(on(iptablesTable('iptables', rules)))
  assert.deepEqual(refusal, {
    firewall: 'ufw',
    what: 'ufw lets no connection in on 80 and 443',
    next: 'ufw allow 80,443/tcp',
  })
  assert.deepEqual(others, [])
})

test('only the port that is closed is told', () => {
  const rules = fixture('ufw.rules').replace('--dports 80,443', '--dports 443')
  assert.deepEqual(nextOf(closedToVisitors(on(iptablesTable('iptables', rules)))), ['ufw allow 80/tcp'])
})

test('ufw that was enabled before an engine is there is not asked about containers: the engine will be before it', () => {
  const rules = fixture('ufw.rules').replace(/^.*(DOCKER|docker).*\n/gm, '')
  const ufw = on(iptablesTable('iptables', rules))
  assert.deepEqual(closedToContainers(withoutEngine(ufw)), [])
  assert.match(nextOf(closedToContainers(ufw)).join('\n'), /^iptables -I FORWARD .*-i docker_gwbridge -j ACCEPT/)
})

test('firewalld with its default zone is closed to both, until the services and the engine’s zone are there', () => {
  const firewalld = on(...nftTables(fixture('firewalld.json')))
  assert.deepEqual(nextOf(closedToVisitors(firewalld)), [
    'firewall-cmd --permanent --add-service=http --add-service=https && firewall-cmd --reload',
  ])
  assert.match(nextOf(closedToContainers(firewalld)).join('\n'), /systemctl restart docker/)
  assert.deepEqual(closedToContainers(withoutEngine(firewalld)), [])
  const opened = on(...nftTables(fixture('firewalld-docker.json')))
  assert.deepEqual([...closedToVisitors(opened), ...closedToContainers(opened)], [])
})

test('iptables-legacy: what is refused by policy, by a rule, or let in by one', () => {
  const input = (...rules: string[]) =>
    closedToVisitors(on(saved(':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ...rules)))
  const next = 'iptables-legacy -I INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT'
  assert.ok(nextOf(input('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT'))[0]?.startsWith(next))
  assert.deepEqual(input('-A INPUT -p tcp -m tcp --dport 1:1024 -j ACCEPT'), [])
  assert.deepEqual(input('-A INPUT ! -i lo -p tcp -j ACCEPT'), [])
  assert.equal(input('-A INPUT -p tcp -m tcp --dport 443 -j REJECT', '-A INPUT -i e+ -j ACCEPT').length, 1)
  assert.equal(input('-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT').length, 1)
})

test('a rule for some addresses only is no refusal of everybody, whichever way it goes', () => {
  const input = (policy: string, ...rules: string[]) => closedToVisitors(on(saved(`:INPUT ${policy} [0:0]`, ...rules)))
  assert.deepEqual(input('DROP', '-A INPUT -s 192.0.2.0/24 -p tcp -j ACCEPT'), [])
  assert.deepEqual(input('ACCEPT', '-A INPUT -m set --match-set banned src -j DROP'), [])
})

test('chains that return, and ones that are gone to', () => {
  const chains = [':INPUT ACCEPT [0:0]', ':ours - [0:0]']
  const input = (...rules: string[]) => closedToVisitors(on(saved(...chains, ...rules))).length
  assert.equal(input('-A INPUT -j ours', '-A ours -p tcp -j RETURN', '-A ours -j DROP'), 0)
  assert.equal(input('-A INPUT -j ours', '-A ours -p udp -j RETURN', '-A ours -j DROP'), 1)
  assert.equal(input('-A INPUT -g ours', '-A INPUT -j DROP', '-A ours -p tcp -j RETURN'), 0)
  assert.equal(input('-A INPUT -j ours', '-A INPUT -j DROP', '-A ours -p tcp -j RETURN'), 1)
})

test('nftables of an admin: sets, verdict maps, and a forward that lets nothing pass', () => {
  const chain = (name: string, policy: string) => ({
    chain: { family: 'inet', table: 'filter', name, type: 'filter', hook: name, prio: 0, policy },
  })
  const rule = (name: string, ...expr: unknown[]) => ({ rule: { family: 'inet', table: 'filter', chain: name, expr } })
  const states = {
    key: { ct: { key: 'state' } },
    data: {
      set: [
        ['established', { accept: null }],
        ['invalid', { drop: null }],
      ],
    },
  }
  const dport = (...ports: unknown[]) => ({
    match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: { set: ports } },
  })
  const read = (...rules: unknown[]) =>
    on(
      ...nftTables(
        JSON.stringify({ nftables: [{ metainfo: {} }, chain('input', 'drop'), chain('forward', 'drop'), ...rules] }),
      ),
    )

  const closed = read(rule('input', { vmap: states }), rule('input', dport(22), { accept: null }))
  assert.deepEqual(nextOf(closedToVisitors(closed)), [
    "nft insert rule inet filter input tcp dport '{ 80, 443 }' accept (and the same in /etc/nftables.conf, for the next boot)",
  ])
  assert.match(
    nextOf(closedToContainers(withoutEngine(closed))).join('\n'),
    /^nft insert rule inet filter forward ct state/,
  )

  const from = {
    match: { op: '==', left: { meta: { key: 'iifname' } }, right: { set: ['docker0', 'docker_gwbridge'] } },
  }
  const opened = read(
    rule('input', { vmap: states }),
    rule('input', dport(22, { range: [80, 443] }), { accept: null }),
    rule('forward', from, { counter: { packets: 0, bytes: 0 } }, { accept: null }),
  )
  assert.deepEqual([...closedToVisitors(opened), ...closedToContainers(withoutEngine(opened))], [])
})
