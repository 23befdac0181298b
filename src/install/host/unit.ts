import type { Decisions } from '../steps/decisions.ts'
import { paths } from '../paths.ts'

/**
 * The systemd unit that makes the folders of our sockets and the cluster address, and loads the firewall. Plain programs, no Node, so that it works
 * while /home is not there; `RequiredBy` the engine, so that no app ever runs without it. After Debian's own
 * nftables.service, which flushes every table when it starts.
 */
export function unitText(
  decisions: Pick<Decisions, 'clusterAddress' | 'clusterInterface'>,
  reservedInterface: string,
): string {
  const ip = (ignoreFailure: boolean, args: string) => `ExecStart=${ignoreFailure ? '-' : ''}/usr/sbin/ip ${args}\n`
  const address =
    decisions.clusterInterface === 'shared'
      ? ''
      : ip(true, `link add ${reservedInterface} type dummy`) +
        ip(true, `link add ${reservedInterface} type bridge`) +
        ip(false, `address replace ${decisions.clusterAddress}/24 dev ${reservedInterface}`) +
        ip(false, `link set ${reservedInterface} up`)
  const folders =
    `ExecStart=/usr/bin/install -d -m 0700 ${paths.registryRun} ${paths.logsRun} ${paths.routerRun}\n` +
    `ExecStart=-/usr/bin/ln -s ${paths.logsSocket} ${paths.logsSocketBefore}\n`
  return `[Unit]
Description=Lading: cluster address and firewall, before the engine
DefaultDependencies=no
After=local-fs.target systemd-modules-load.service nftables.service
Before=docker.service docker.socket shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=lading
RuntimeDirectoryMode=0711
RuntimeDirectoryPreserve=yes
${folders}${address}ExecStart=/usr/sbin/nft -f ${paths.firewall}

[Install]
WantedBy=multi-user.target
RequiredBy=docker.service
`
}
