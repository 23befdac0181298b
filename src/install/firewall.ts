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
}

/**
 * The table `inet lading` (decision: nodes-closed-to-containers, docs/design/install.md) as one nft transaction: the table is made if absent, deleted
 * and written anew, so that no packet meets half of it and no other table is touched. `accept` in it never overrides
 * a refusal in another table; only `drop` is final.
 *
 * It judges connections at their first packet, by the address and port they were opened to (`ct original`): a
 * published port is rewritten by the engine before any filter sees it.
 */
export function firewallText(facts: FirewallFacts): string {
  const bridges = facts.foreignBridges.map(name => `    iifname "${name}" return\n`).join('')
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
    ct original ip daddr @nodes meta l4proto tcp ct original proto-dst { 80, 443 } accept
    ct original ip daddr @nodes drop
  }
}
`
}

/** Engines name a bridge `br-` and twelve hexadecimal digits; nft knows a star at the end only. */
const hexDigits = [...'0123456789abcdef']

/** Of the interfaces given, those that the patterns above catch although no engine made them. */
export function foreignBridges(interfaces: readonly string[]): string[] {
  return interfaces.filter(name => /^br-[0-9a-f]/.test(name) && !/^br-[0-9a-f]{12}$/.test(name)).sort()
}
