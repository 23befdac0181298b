import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { AppError } from '../core/errors.ts'

/** Everything that is no one's address on the internet: IANA's special-purpose registries (RFC 6890), multicast, NAT64 and tunnels. */
const inner = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  inner.addSubnet(network, prefix, 'ipv4')

/** Of IPv6 only 2000::/3 is given out at all; of it, what carries an IPv4 address or is for documents is not let through. */
const outer6 = new BlockList()
outer6.addSubnet('2000::', 3, 'ipv6')
const inner6 = new BlockList()
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  inner6.addSubnet(network, prefix, 'ipv6')

/** Whether an address is one of this machine, of its network or of no one: what a stranger must not learn of through us. */
export function isInner(address: string): boolean {
  const [plain = ''] = address.replace(/^\[|\]$/g, '').split('%')
  const family = isIP(plain)
  if (family === 4) return inner.check(plain, 'ipv4')
  return family !== 6 || !outer6.check(plain, 'ipv6') || inner6.check(plain, 'ipv6')
}

/** Rejects for a host that is an inner address by itself; a name is looked at when it is resolved, once, by `lookupOuter`. */
export function refuseInner(hostname: string): void {
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 && isInner(hostname)) throw refusal(hostname)
}

/** Resolves a name to outer addresses only: what is connected to is what was looked at. */
export const lookupOuter: LookupFunction = (name, options, callback) => {
  lookup(name, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0)
    const [first] = addresses
    if (first === undefined || addresses.some(({ address }) => isInner(address))) return callback(refusal(name), '', 0)
    if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

function refusal(host: string): AppError {
  return new AppError('not-allowed', `${host} is no address on the internet`, {
    hint: 'A CA in a network of your own: root on the server may add --internal.',
  })
}
