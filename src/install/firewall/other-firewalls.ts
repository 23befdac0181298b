import { z } from 'zod'
import { asAppError } from '../../core/errors.ts'
import { readIfThere } from '../../lib/files.ts'
import { iptablesTable } from './iptables-rules.ts'
import { listInterfaces } from '../host/network.ts'
import { nftTables } from './nft-rules.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { refusedBy, type Table } from './packet-judge.ts'
import { runProgram } from '../host/run-program.ts'

/** Containers leave by these: apps by the first, builds by the second. */
const bridges = ['docker_gwbridge', 'docker0']
const edgePorts = [80, 443]
const ours = 'inet lading'

/** The packet filters of this machine that are not ours, read and never written. */
export interface OtherFirewalls {
  /** By which visitors come and containers leave: that of the default route. */
  readonly outside: string
  readonly tables: readonly Table[]
  /** Of the engine's bridges those that are there. */
  readonly bridges: readonly string[]
}

/** What another's firewall refuses although Lading needs it, and the command of its own that opens it. */
export interface Refusal extends Obstacle {
  /** `ufw`, `firewalld`, `nftables`, `iptables`. */
  readonly firewall: string
}

/**
 * Reads nft's and iptables' rules. Those of iptables-legacy only where the kernel has them, for its programs make empty
 * tables by looking. A machine without these programs has no rules that they could have made.
 */
export async function readOtherFirewalls(signal: AbortSignal): Promise<OtherFirewalls> {
  const ask = (file: string, ...args: string[]) => output(file, args, signal)
  const outside = z
    .array(z.object({ dev: z.string() }))
    .parse(JSON.parse((await ask('ip', '-j', '-4', 'route', 'show', 'default')) || '[]'))[0]?.dev
  const legacy = ((await readIfThere('/proc/net/ip_tables_names')) ?? '').split('\n').includes('filter')
  const saved = [
    iptablesTable('iptables', await ask('iptables-nft-save', '-t', 'filter')),
    legacy ? iptablesTable('iptables-legacy', await ask('iptables-legacy-save', '-t', 'filter')) : null,
  ].filter(table => table !== null)
  const nft = nftTables((await ask('nft', '-j', 'list', 'ruleset')) || '{"nftables":[]}')
  // The table of iptables-nft: its own program has told more of it.
  const isDuplicate = (name: string) => name === 'ip filter' && saved.some(table => table.name === 'iptables')
  const tables = [...saved, ...nft.filter(({ name }) => name !== ours && !isDuplicate(name))]
  const there = listInterfaces()
  return { outside: outside ?? '', tables, bridges: bridges.filter(name => there.includes(name)) }
}

async function output(file: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    return await runProgram(file, args, {}, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (asAppError(error).code === 'unavailable') return ''
    throw error
  }
}

/** Who keeps strangers from the edge: none of its rules lets a connection to 80 or 443 in, from wherever. */
export function closedToVisitors({ outside, tables }: OtherFirewalls): Refusal[] {
  return tables.flatMap(table => {
    const closed = edgePorts.flatMap(port => {
      const chain = refusedBy(table, { hook: 'input', from: outside, to: null, port })
      return chain === null ? [] : [{ port, chain }]
    })
    if (closed.length === 0) return []
    const owner = ownerOf(table)
    const ports = closed.map(({ port }) => port)
    return [
      {
        firewall: owner,
        what: `${owner} lets no connection in on ${ports.join(' and ')}${place(owner, table, closed[0]!.chain.name)}`,
        next: opening(owner, table, closed[0]!.chain.name, ports),
      },
    ]
  })
}

/**
 * Who keeps containers from the world: builds fetch no packages then, and apps reach nothing. An engine makes a bridge's
 * way through iptables and firewalld together with the bridge, so before that these two are not asked.
 */
export function closedToContainers(firewalls: OtherFirewalls): Refusal[] {
  const { outside, tables } = firewalls
  return tables.flatMap(table => {
    const owner = ownerOf(table)
    const asked = owner === 'nftables' ? bridges : firewalls.bridges
    const closed = asked.flatMap(bridge => {
      const chain = refusedBy(table, { hook: 'forward', from: bridge, to: outside, port: 443 })
      return chain === null ? [] : [{ bridge, chain: chain.name }]
    })
    if (closed.length === 0) return []
    return [
      {
        firewall: owner,
        what: `${owner} lets no container out by ${outside}${place(owner, table, closed[0]!.chain)}: builds and apps reach nothing`,
        next: passing(owner, table, closed[0]!.chain),
      },
    ]
  })
}

function ownerOf({ name, chains }: Table): string {
  if (name === 'inet firewalld' || name === 'ip firewalld') return 'firewalld'
  if (chains.some(chain => chain.name === 'ufw-user-input')) return 'ufw'
  return name.startsWith('iptables') ? name : 'nftables'
}

function place(owner: string, table: Table, chain: string): string {
  return owner === 'nftables' ? ` (table ${table.name}, chain ${chain})` : ''
}

function opening(owner: string, table: Table, chain: string, ports: readonly number[]): string {
  switch (owner) {
    case 'ufw':
      return `ufw allow ${ports.join(',')}/tcp`
    case 'firewalld': {
      const services = ports.map(port => `--add-service=${port === 80 ? 'http' : 'https'}`)
      return `firewall-cmd --permanent ${services.join(' ')} && firewall-cmd --reload`
    }
    case 'nftables':
      return `nft insert rule ${table.name} ${chain} tcp dport '{ ${ports.join(', ')} }' accept${keptInFile}`
    default:
      return `${owner} -I INPUT -p tcp -m multiport --dports ${ports.join(',')} -j ACCEPT${keptInRules}`
  }
}

function passing(owner: string, table: Table, chain: string): string {
  const answers = 'ct state established,related accept'
  switch (owner) {
    case 'firewalld':
      return `An engine that starts beside firewalld gives its bridges a zone there: systemctl restart docker (without systemd: end dockerd, then lading boot)`
    case 'nftables':
      return `nft insert rule ${table.name} ${chain} ${answers} && nft insert rule ${table.name} ${chain} iifname '{ ${bridges.join(', ')} }' accept${keptInFile}`
    default: {
      const program = owner === 'ufw' ? 'iptables' : owner
      const rules = bridges.map(bridge => `${program} -I FORWARD -i ${bridge} -j ACCEPT`)
      const back = `${program} -I FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`
      return `${[back, ...rules].join(' && ')}${keptInRules}`
    }
  }
}

const keptInFile = ' (and the same in /etc/nftables.conf, for the next boot)'
const keptInRules = ' (and save it where your rules are kept, for the next boot)'
