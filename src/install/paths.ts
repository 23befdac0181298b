import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout this program runs from. */
export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Everything Lading keeps on a node; ARCHITECTURE.md has the table. */
export const paths = {
  /** A link to the launcher of this checkout. */
  command: '/usr/local/bin/lading',
  etc: '/etc/lading',
  install: '/etc/lading/install.json',
  upgrade: '/etc/lading/upgrade.json',
  /** Debian packages that were not there before, one a line; `down --purge` removes them. */
  packages: '/etc/lading/packages',
  firewall: '/etc/lading/firewall.nft',
  token: '/etc/lading/token',
  /** While it is changed: the old one and the new one. */
  tokenChange: '/etc/lading/token.change',
  /** With it engines read images from the registry. */
  registryToken: '/etc/lading/registry-token',
  /** While it is changed: the old one and the new one. */
  registryTokenChange: '/etc/lading/registry-token.change',
  /** Programs of the operator's that write into DNS; the control plane runs them. */
  hooks: '/etc/lading/hooks',
  caCertificate: '/etc/lading/ca.pem',
  /** Until the recovery code was shown once; its owner writes it here when the swarm was lost. */
  unshownCode: '/etc/lading/recovery-code',
  state: '/var/lib/lading',
  control: '/var/lib/lading/control',
  ca: '/var/lib/lading/control/ca',
  database: '/var/lib/lading/control/lading.db',
  /** Of the store, from before each of the last upgrades. */
  snapshots: '/var/lib/lading/control/snapshots',
  /** A backup that is being restored: opened here, and taken up by the control plane from the other. */
  opened: '/var/lib/lading/restore',
  takenUp: '/var/lib/lading/control/restore',
  keeper: '/var/lib/lading/keeper',
  registry: '/var/lib/lading/registry',
  /** Lines that the follower keeps. */
  logs: '/var/lib/lading/logs',
  hello: '/var/lib/lading/examples/hello',
  /** Every Debian has it; ours lie in a folder below, by default. */
  backups: '/var/backups',
  run: '/run/lading',
  /** Folders of parts that see no other socket. */
  registryRun: '/run/lading/registry',
  logsRun: '/run/lading/logs',
  /** What the keeper shows of the router. */
  routerRun: '/run/lading/router',
  keeperSocket: '/run/lading/keeper.sock',
  registrySocket: '/run/lading/registry.sock',
  controlSocket: '/run/lading/control.sock',
  logsSocket: '/run/lading/logs/logs.sock',
  /** Where control planes from before there were folders ask; a link. */
  logsSocketBefore: '/run/lading/logs.sock',
  engineSocket: '/var/run/docker.sock',
  engineLog: '/var/log/lading-dockerd.log',
  unit: '/etc/systemd/system/lading-boot.service',
  cache: join(checkout, '.cache'),
} as const
