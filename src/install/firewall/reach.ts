import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { z } from 'zod'
import { privateNetworksDefault } from '../../core/limits.ts'
import type { Proxy } from '../../core/proxy.ts'
import { readIfThere } from '../../lib/files.ts'
import { reservedInterface } from '../host/addresses.ts'
import { isNetwork, isWithin, parsePrivateNetworks, privateRanges, type PrivateNetworks } from './private-networks.ts'
import { runProgram } from '../host/run-program.ts'

/** What the firewall closes to containers besides the nodes, and what it leaves open in there. */
export interface Reach {
  /** Networks in CIDR form. */
  readonly closed: readonly string[]
  /** Open even where they lie in what is closed: the operator's exceptions. */
  readonly open: readonly string[]
  /** Name servers: containers ask them themselves, at port 53. */
  readonly resolvers: readonly string[]
  readonly proxies: readonly { readonly address: string; readonly port: number }[]
}

export interface ReachFacts {
  readonly privateNetworks: PrivateNetworks
  readonly proxy: Proxy | null
}

/** Reads it from this machine as it is now: its routes, its name servers, where its proxy's name leads. */
export async function readReach({ privateNetworks, proxy }: ReachFacts, signal: AbortSignal): Promise<Reach> {
  const own = privateNetworks.policy === 'deny-own' ? ownNetworks(await routes(signal)) : []
  const files = await Promise.all([resolvConf, upstreamConf, daemonConf].map(readIfThere))
  return {
    closed: privateNetworks.policy === 'deny-all' ? privateRanges : own,
    open: privateNetworks.except,
    resolvers: resolversOf(files[0] ?? '', files[1] ?? '', files[2] ?? ''),
    proxies: await proxiesOf(proxy),
  }
}

/** The policy that was decided; none that was written by hand passes unread. */
export function decidedPolicy(words: string | undefined): PrivateNetworks {
  return parsePrivateNetworks(words ?? privateNetworksDefault)
}

const route = z.object({ dst: z.string(), dev: z.string().optional(), type: z.string().optional() })
export type Route = z.infer<typeof route>

/** Of both families and every table: a tunnel keeps its routes in one of its own. */
async function routes(signal: AbortSignal): Promise<Route[]> {
  const read = (family: string) => runProgram('ip', ['-j', family, 'route', 'show', 'table', 'all'], {}, signal)
  const texts = await Promise.all([read('-4'), read('-6')])
  return texts.flatMap(text => z.array(route).parse(JSON.parse(text || '[]')))
}

/**
 * The private networks that a machine is in or has a way to, sorted, each once. Not an engine's bridges, which the engine
 * keeps apart itself, and not our own interface: it carries this node's address alone.
 */
export function ownNetworks(found: readonly Route[]): string[] {
  const networks = found
    .filter(({ type = 'unicast', dev = '' }) => type === 'unicast' && !ownInterfaces.test(dev))
    .map(({ dst }) => dst)
    .filter(dst => isNetwork(dst) && privateRanges.some(range => isWithin(dst, range)))
  return widest(networks)
}

const ownInterfaces = new RegExp(`^(lo|docker0|docker_gwbridge|br-[0-9a-f]{12}|veth.*|${reservedInterface})$`)

/** Without those that lie within another: an interval of nft must not overlap. */
export function widest(networks: readonly string[]): string[] {
  const once = [...new Set(networks)].sort()
  return once.filter(one => !once.some(other => other !== one && isWithin(one, other)))
}

const resolvConf = '/etc/resolv.conf'
/** What stands behind systemd's own at 127.0.0.53; engines give it to containers. */
const upstreamConf = '/run/systemd/resolve/resolv.conf'
const daemonConf = '/etc/docker/daemon.json'

/** From the texts of the three files; those of the machine itself (127.…) are asked from the node. */
export function resolversOf(conf: string, upstream: string, daemon: string): string[] {
  const named = [...`${conf}\n${upstream}`.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address)
  const given = /"dns"\s*:\s*\[([^\]]*)\]/.exec(daemon)?.[1] ?? ''
  const all = [...named, ...[...given.matchAll(/"([^"]*)"/g)].map(([, address = '']) => address)]
  return [...new Set(all.filter(address => isNetwork(address) && !/^(127\.|::1$)/.test(address)))].sort()
}

/** A name that leads nowhere now is none to keep open. */
async function proxiesOf(proxy: Proxy | null): Promise<Reach['proxies']> {
  const urls = [...new Set([proxy?.http, proxy?.https])].flatMap(url => (url == null ? [] : [new URL(url)]))
  const found = await Promise.all(
    urls.map(async ({ hostname, port, protocol }) => {
      const host = hostname.replace(/^\[|\]$/g, '')
      const addresses = isIP(host) ? [{ address: host }] : await lookup(host, { all: true }).catch(() => [])
      return addresses.map(({ address }) => ({ address, port: Number(port || (protocol === 'https:' ? 443 : 80)) }))
    }),
  )
  const lines = found.flat().map(({ address, port }) => `${address} ${port}`)
  return [...new Set(lines)].sort().map(line => {
    const [address = '', port = ''] = line.split(' ')
    return { address, port: Number(port) }
  })
}
