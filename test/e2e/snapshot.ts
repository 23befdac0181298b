import type { Host } from '../rig/host.ts'

/** What a machine is like, as lines below headings; two of them are compared by `changes`. */
export type Snapshot = Readonly<Record<string, readonly string[]>>

/** Folders that no one compares, each with its reason. */
const leftOut = {
  '/proc': 'the kernel',
  '/sys': 'the kernel',
  '/dev': 'the kernel',
  '/run': 'what runs, gone at the next boot',
  '/tmp': 'gone at the next boot',
  '/var/tmp': 'temporary',
  '/opt/lading': 'the checkout, which is the user’s',
  '/var/lib/docker': 'the engine’s: its objects are compared, by its own words',
  '/var/lib/containerd': 'the engine’s',
  '/opt/containerd': 'the engine’s',
  '/var/log': 'logs',
  '/var/cache': 'what apt, debconf and ldconfig keep to be quick',
  '/var/lib/apt': 'apt’s lists and what it remembers of packages that it brought',
  '/root/.npm': 'npm’s cache',
} as const

/** dpkg's list before its newest change, and its lock. */
const filesLeftOut = /^\/var\/lib\/dpkg\/(status-old|available|lock.*|triggers\/Lock)$/

/** Files with their hashes, packages, rules of every packet filter, links and routes, users, the engine's objects. */
export async function snapshot(host: Host): Promise<Snapshot> {
  const lines = async (...argv: string[]) => (await host.run(argv)).split('\n').filter(line => line !== '')
  const docker = async (...argv: string[]) => (await lines('docker', ...argv)).sort()
  const pruned = Object.keys(leftOut).flatMap((path, at) => [...(at > 0 ? ['-o'] : []), '-path', path])
  const found = ['find', '/', '-xdev', '(', ...pruned, ')', '-prune', '-o']
  const files = [
    ...(await lines(...found, '-type', 'f', '-exec', 'sha256sum', '{}', '+')).map(
      line => line.slice(66) + ' ' + line.slice(0, 64),
    ),
    ...(await lines(...found, '-printf', '%p is %y %m %U:%G %l\n')),
  ]
  const containers = await docker('ps', '--all', '--quiet', '--no-trunc')
  const engineFacts = '{{.Swarm.LocalNodeState}} {{.LiveRestoreEnabled}} {{json .RegistryConfig}}'
  return {
    files: files.filter(line => !filesLeftOut.test(line.split(' ')[0] ?? '')).sort(),
    packages: await lines('dpkg-query', '--show', '--showformat', '${db:Status-Abbrev} ${Package} ${Version}\n'),
    'packages that apt would keep': await lines('apt-mark', 'showmanual'),
    nftables: withoutCounters(await tables(host)),
    'iptables-legacy': withoutCounters(await lines('iptables-legacy-save')),
    // Of its own accord a bridge has an address of the link when its first cable was plugged in.
    links: (await lines('ip', '-brief', 'address')).map(line => line.replace(/ fe80::\S+| +(?= )/g, '').trim()).sort(),
    routes: await lines('ip', 'route'),
    forwarding: await lines(
      'sysctl',
      '--all',
      '--pattern',
      String.raw`^net\.(ipv[46]\.(ip_forward|conf\.(all|default|e0)\.forwarding)|bridge\.)`,
    ),
    containers:
      containers.length === 0
        ? []
        : await docker('inspect', '--format', '{{.Name}} {{.State.StartedAt}} {{.RestartCount}}', ...containers),
    images: await docker('images', '--all', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}'),
    volumes: await docker('volume', 'ls', '--format', '{{.Name}}'),
    networks: await docker('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}}'),
    engine: await docker('info', '--format', engineFacts),
    programs: [...new Set(await lines('ps', '-e', '-o', 'comm='))]
      .filter(name => !/^(ps|bash|env|kworker.*)$/.test(name))
      .sort(),
  }
}

/** Each table apart, so that the order in which they were made does not count; without ours, which `down` removes. */
async function tables(host: Host): Promise<string[]> {
  const names = (await host.run(['nft', 'list', 'tables']))
    .split('\n')
    .filter(line => line !== '')
    .sort()
  const dumps = await Promise.all(names.map(name => host.run(['nft', 'list', ...name.split(' ')])))
  return dumps.flatMap(dump => dump.split('\n'))
}

function withoutCounters(lines: readonly string[]): string[] {
  return lines
    .filter(line => !line.startsWith('#'))
    .map(line => line.replace(/counter packets \d+ bytes \d+/, 'counter').replace(/\[\d+:\d+\]/, ''))
}

/** Every line that is in one of both only: `- was`, `+ is`. */
export function changes(before: Snapshot, after: Snapshot): string[] {
  return Object.keys({ ...before, ...after }).flatMap(heading => {
    const [was, is] = [before[heading] ?? [], after[heading] ?? []]
    const gone = was.filter(line => !is.includes(line)).map(line => `${heading} - ${line}`)
    const come = is.filter(line => !was.includes(line)).map(line => `${heading} + ${line}`)
    return [...gone, ...come]
  })
}
