import { BlockList, isIP } from 'node:net'
import { AppError } from '../../core/errors.ts'

/** What containers may reach of private networks (docs/design/install.md, "What an app reaches"). */
export interface PrivateNetworks {
  /** Closed: those that the node has a route to, all that there are, or none. */
  readonly policy: 'deny-own' | 'deny-all' | 'allow'
  /** Open even so: addresses and networks in CIDR form. */
  readonly except: readonly string[]
}

/** RFC 1918, RFC 6598 (shared with neighbours), and the unique local addresses of IPv6. */
export const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] as const

const policies = ['deny-own', 'deny-all', 'allow'] as const

/** `deny-own`, `deny-all`, `allow`, each with what stays open: `deny-own,10.0.0.9,10.1.0.0/24`. Rejects `invalid-input`. */
export function parsePrivateNetworks(text: string): PrivateNetworks {
  const [first = '', ...rest] = text.split(',').map(word => word.trim())
  const policy = policies.find(name => name === first)
  const wrong = policy === undefined ? first : rest.find(word => !isNetwork(word))
  if (policy !== undefined && wrong === undefined) return { policy, except: [...new Set(rest)].sort() }
  throw new AppError('invalid-input', `${JSON.stringify(wrong)} is no policy for private networks`, {
    hint: `It is one of ${policies.join(', ')}, and after it addresses or networks that stay open: deny-own,10.0.0.9,10.1.0.0/24`,
  })
}

/** An address of either family, alone or with the length of its prefix. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || more !== undefined) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

/** Whether all of a network lies within another. Both are as `isNetwork` takes them. */
export function isWithin(network: string, other: string): boolean {
  const [inner, outer] = [parts(network), parts(other)]
  if (inner.family !== outer.family || inner.prefix < outer.prefix) return false
  const list = new BlockList()
  list.addSubnet(outer.address, outer.prefix, outer.family)
  return list.check(inner.address, inner.family)
}

function parts(network: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } {
  const [address = '', prefix] = network.split('/')
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  return { address, prefix: prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family }
}
