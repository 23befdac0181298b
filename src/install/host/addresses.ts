import { AppError } from '../../core/errors.ts'

/** An IPv4 address of an interface as `ip -j address` tells it. */
export interface InterfaceAddress {
  readonly name: string
  readonly address: string
  readonly prefix: number
  /** From DHCP: it may change, and a cluster address may not (decision: cluster-address-only). */
  readonly dynamic: boolean
}

export interface ClusterAddress {
  readonly address: string
  readonly kind: 'shared' | 'reserved'
}

/** The name of the interface that carries a reserved cluster address. */
export const reservedInterface = 'lading0'

/**
 * The address that Swarm advertises and published ports are bound to. A fixed private address (RFC 1918) of an
 * interface, so that nodes of one network find each other; else the first free 10.x.0.1, on an interface of our own.
 * `wanted` overrides; it must be an address of this machine. Rejects `conflict` where there are several fixed private
 * ones, for it can never be changed.
 */
export function chooseClusterAddress(
  addresses: readonly InterfaceAddress[],
  routes: readonly string[],
  wanted: string | null,
): ClusterAddress {
  if (wanted !== null) {
    if (addresses.some(each => each.address === wanted)) return { address: wanted, kind: 'shared' }
    const have = addresses.map(each => each.address).join(', ')
    throw new AppError('invalid-input', `${wanted} is not an address of this machine`, { hint: `It has ${have}.` })
  }
  const [shared, ...others] = addresses.filter(
    each => isPrivate(each.address) && !each.dynamic && !isContainerInterface(each.name),
  )
  if (others.length > 0) {
    const all = [shared!, ...others].map(each => `${each.address} (${each.name})`)
    throw new AppError('conflict', `this machine has several fixed private addresses: ${all.join(', ')}`, {
      hint: `Choose the one by which further nodes will reach it; it can never change: lading up --advertise ${shared!.address}`,
    })
  }
  if (shared) return { address: shared.address, kind: 'shared' }
  const taken = [...routes, ...addresses.map(each => `${each.address}/${each.prefix}`)]
  const reserved = firstFree(
    Array.from({ length: 64 }, (_, at) => `10.${64 + at}.0.0/24`),
    taken,
  )
  return { address: reserved.replace('.0/24', '.1'), kind: 'reserved' }
}

/** Ranges for Swarm's overlays and for docker_gwbridge that overlap nothing this machine has a route to. */
export function chooseRanges(taken: readonly string[]): { addressPool: string; gatewaySubnet: string } {
  const gatewaySubnet = firstFree(
    ['172.30.240.0/20', '172.29.240.0/20', '172.28.240.0/20', '10.191.240.0/20', '192.168.240.0/20'],
    taken,
  )
  const addressPool = firstFree(
    ['10.192.0.0/12', '10.208.0.0/12', '10.224.0.0/12', '10.176.0.0/12', '10.160.0.0/12', '10.144.0.0/12'],
    [...taken, gatewaySubnet],
  )
  return { addressPool, gatewaySubnet }
}

/** Bridges and wires of engines, virtual machines and tunnels: never a node's own place in a network. */
function isContainerInterface(name: string): boolean {
  return containerInterfaces.test(name) || tunnelInterfaces.test(name)
}

const containerInterfaces =
  /^(lo|docker\d*|docker_gwbridge|br-[0-9a-f]{12}|podman.*|veth.*|virbr.*|lxc.*|lxdbr.*|cni.*|flannel.*)$/
const tunnelInterfaces = /^(tun|tap|wg|ppp|zt|tailscale|ipsec)/

/**
 * The base domain where no one has given one: public DNS at sslip.io answers `NAME.<ip>.sslip.io` with that address. Null
 * where no interface has a public one; whether one leads here from elsewhere (NAT), no one here can know.
 */
export function publicDomain(addresses: readonly InterfaceAddress[]): string | null {
  const found = addresses.find(each => !isContainerInterface(each.name) && isPublic(each.address))
  return found === undefined ? null : `${found.address}.sslip.io`
}

/** Neither private nor shared with neighbours (RFC 6598), of the link, the machine, a group, or reserved. */
function isPublic(address: string): boolean {
  const special = ['0.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3']
  return !isPrivate(address) && !special.some(range => overlaps(range, `${address}/32`))
}

/** RFC 1918. */
export function isPrivate(address: string): boolean {
  return ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].some(range => overlaps(range, `${address}/32`))
}

function firstFree(candidates: readonly string[], taken: readonly string[]): string {
  const free = candidates.find(candidate => !taken.some(range => overlaps(range, candidate)))
  if (free !== undefined) return free
  throw new AppError('no-room', `none of ${candidates.join(', ')} is free on this machine`, {
    hint: 'Remove a route or network that covers them (ip route), then run "lading up" again.',
  })
}

export function overlaps(a: string, b: string): boolean {
  const [first, second] = [range(a), range(b)]
  return first.start <= second.end && second.start <= first.end
}

function range(text: string): { start: number; end: number } {
  const [address = '', prefix = '32'] = text.split('/')
  const size = 2 ** (32 - Number(prefix))
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const start = Math.floor(value / size) * size
  return { start, end: start + size - 1 }
}
