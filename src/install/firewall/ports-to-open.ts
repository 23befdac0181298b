/** For a cloud's firewall, or one beside ours: printed by `up --check`. */
export const portTable = [
  'Ports to open in a firewall before this machine',
  '  80, 443/tcp       from everywhere    apps, git push and the API',
  '  2377/tcp          from nodes only    Swarm: managers',
  '  7946/tcp and udp  from nodes only    Swarm: nodes find each other',
  '  4789/udp          from nodes only    VXLAN: networks of apps, not encrypted',
  'With one node: 80 and 443 only.',
].join('\n')
