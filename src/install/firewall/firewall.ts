import type { Reach } from './reach.ts'

/** What the table is made from; the same on every node but for the node's own lines. */
export interface FirewallFacts {
  readonly clusterAddress: string
  readonly clusterInterface: 'shared' | 'reserved'
  /** The range of Swarm's overlays: reached inside a space only, never through a node. */
  readonly addressPool: string
  /** Cluster addresses of all nodes, this one included. */
  readonly nodes: readonly string[]
  /** Bridges of the operator whose names look like an engine's (`br-ext`): left alone. */
  readonly foreignBridges: readonly string[]
  readonly reach: Reach
}

/**
 * What belongs to the infrastructure and is no app's to ask, whoever runs it: addresses of the link, where clouds hand out
 * the machine's own credentials, and the same service under the other addresses that providers gave it (Azure, Alibaba,
 * Oracle; Amazon, Google), also as a translator to IPv4 (NAT64, 6to4) would name it.
 */
const infrastructure = [
  '169.254.0.0/16',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.0/24',
  'fe80::/10',
  'fd00:ec2::/32',
  'fd20:ce::/32',
  '64:ff9b::a9fe:0/112',
  '2002:a9fe::/32',
]

/**
 * The table `inet lading` (decision: nodes-closed-to-containers, docs/design/install.md) as one nft transaction: the table is made if absent, deleted
 * and written again, so that no packet meets half of it and no other table is touched. `accept` in it never overrides
 * a refusal in another table; only `drop` is final.
 *
 * It judges connections at their first packet, by the address and port they were opened to (`ct original`): a
 * published port is rewritten by the engine before any filter sees it.
 */
export function firewallText(facts: FirewallFacts): string {
  const bridges = facts.foreignBridges.map(name => `    iifname "${name}" return\n`).join('')
  const { closed, open, resolvers, proxies } = facts.reach
  const reserved =
    facts.clusterInterface === 'reserved'
      ? `    ip daddr ${facts.clusterAddress} tcp dport != { 80, 443 } drop\n` +
        `    ip daddr ${facts.clusterAddress} meta l4proto udp drop\n`
      : ''
  return `#!/usr/sbin/nft -f
# Written by "lading up". Loaded before the engine starts; changes made here are lost.
table inet lading
delete table inet lading
table inet lading {
  set nodes {
    type ipv4_addr
    elements = { ${facts.nodes.join(', ')} }
  }

  # Containers open no connection to a node, except to the edge.
  chain input {
    type filter hook input priority filter - 5; policy accept;
    ct state established,related accept
    jump containers
    iif "lo" accept
    ip saddr @nodes accept
    tcp dport { 2377, 7946 } drop
    udp dport { 7946, 4789 } drop
${reserved}  }

  chain containers {
${bridges}    iifname "docker0" jump to_node
    iifname "docker_gwbridge" jump to_node
${hexDigits.map(digit => `    iifname "br-${digit}*" jump to_node\n`).join('')}  }

  chain to_node {
    jump infrastructure
    tcp dport { 80, 443 } accept
    drop
  }

  # Published ports belong to the nodes: neither containers nor the network reach one through its node's address.
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    ct state established,related accept
    iifname "docker_gwbridge" oifname "docker_gwbridge" drop
    jump forwarded_containers
    oifname "docker_gwbridge" ip saddr != @nodes drop
  }

  chain forwarded_containers {
${bridges}    iifname "docker0" jump from_container
    iifname "docker_gwbridge" jump from_container
${hexDigits.map(digit => `    iifname "br-${digit}*" jump from_container\n`).join('')}  }

  chain from_container {
    oifname "docker_gwbridge" drop
    ip daddr ${facts.addressPool} drop
    ct status dnat oifname "docker0" drop
    ct status dnat oifname "br-*" drop
    jump infrastructure
    ct original ip daddr @nodes meta l4proto tcp ct original proto-dst { 80, 443 } accept
    ct original ip daddr @nodes drop
    jump private_networks
  }

  # An app reaches the internet and what was attached to it, no infrastructure: neither by an address that it opens a
  # connection to, nor by one that someone translates that into. Name servers answer, where they are.
  chain infrastructure {
${exceptions(dns(resolvers))}${drops(infrastructure)}  }

  # "lading up --private-networks" decides. Bridges of the engine are the engine's to keep apart.
  chain private_networks {
${exceptions([...open.map(network => ({ network, ports: '' })), ...dns(resolvers), ...proxied(proxies)])}${beyond(facts.foreignBridges, closed)}  }
}
`
}

interface Exception {
  readonly network: string
  /** Conditions on protocol and port; empty: all of them. */
  readonly ports: string
}

function dns(resolvers: readonly string[]): Exception[] {
  return resolvers.map(network => ({ network, ports: ' meta l4proto { tcp, udp } ct original proto-dst 53' }))
}

function proxied(proxies: Reach['proxies']): Exception[] {
  return proxies.map(({ address, port }) => ({
    network: address,
    ports: ` meta l4proto tcp ct original proto-dst ${port}`,
  }))
}

function exceptions(all: readonly Exception[]): string {
  return all
    .map(({ network, ports }) => `    ct original ${familyOf(network)} daddr ${network}${ports} return\n`)
    .join('')
}

function drops(networks: readonly string[]): string {
  return (['ip', 'ip6'] as const)
    .map(family => ({ family, of: networks.filter(network => familyOf(network) === family) }))
    .filter(({ of }) => of.length > 0)
    .flatMap(({ family, of }) =>
      [family, `ct original ${family}`].map(what => `    ${what} daddr { ${of.join(', ')} } drop\n`),
    )
    .join('')
}

/** Nothing to close, nothing said. A bridge of the operator's leads to a network like any other. */
function beyond(foreign: readonly string[], closed: readonly string[]): string {
  if (closed.length === 0) return ''
  const outward = foreign.map(name => `    oifname "${name}" goto closed_networks\n`).join('')
  const within = [...['docker0'], ...hexDigits.map(digit => `br-${digit}*`)]
  const inward = within.map(name => `    oifname "${name}" return\n`).join('')
  return `${outward}${inward}    goto closed_networks\n  }\n\n  chain closed_networks {\n${drops(closed)}`
}

function familyOf(network: string): 'ip' | 'ip6' {
  return network.includes(':') ? 'ip6' : 'ip'
}

/** Engines name a bridge `br-` and twelve hexadecimal digits; nft knows a star at the end only. */
const hexDigits = [...'0123456789abcdef']

/** Of the interfaces given, those that the patterns above catch although no engine made them. */
export function foreignBridges(interfaces: readonly string[]): string[] {
  return interfaces.filter(name => /^br-[0-9a-f]/.test(name) && !/^br-[0-9a-f]{12}$/.test(name)).sort()
}
