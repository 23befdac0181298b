import { readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { z } from 'zod'
import { chooseClusterAddress, chooseRanges, reservedInterface, type InterfaceAddress } from './addresses.ts'
import { runProgram } from './run-program.ts'

const addressList = z.array(
  z.object({
    ifname: z.string(),
    addr_info: z.array(
      z
        .object({ family: z.string(), local: z.string(), prefixlen: z.number(), dynamic: z.boolean().optional() })
        .partial(),
    ),
  }),
)

/** IPv4 addresses of interfaces, loopback and our own reserved interface left out. */
export async function listAddresses(signal: AbortSignal): Promise<InterfaceAddress[]> {
  const json = await runProgram('ip', ['-j', '-4', 'address', 'show'], {}, signal)
  return addressList
    .parse(JSON.parse(json || '[]'))
    .flatMap(link =>
      link.ifname === 'lo' || link.ifname === reservedInterface
        ? []
        : link.addr_info.flatMap(({ local, prefixlen, dynamic }) =>
            local === undefined
              ? []
              : [{ name: link.ifname, address: local, prefix: prefixlen ?? 32, dynamic: dynamic ?? false }],
          ),
    )
}

/** Destinations this machine has a route to, the default route left out, in CIDR form. */
export async function listRoutes(signal: AbortSignal): Promise<string[]> {
  const json = await runProgram('ip', ['-j', '-4', 'route', 'show'], {}, signal)
  const routes = z.array(z.object({ dst: z.string(), dev: z.string().optional() })).parse(JSON.parse(json || '[]'))
  return routes.filter(route => route.dst !== 'default' && route.dev !== reservedInterface).map(route => route.dst)
}

/** What is chosen for this machine as it is: a cluster address (`wanted` overrides) and ranges that nothing has a route to. */
export async function choosePlace(wanted: string | null, signal: AbortSignal) {
  const addresses = await listAddresses(signal)
  const taken = [...(await listRoutes(signal)), ...addresses.map(each => `${each.address}/${each.prefix}`)]
  const { address, kind } = chooseClusterAddress(addresses, taken, wanted)
  return { clusterAddress: address, clusterInterface: kind, ...chooseRanges([...taken, `${address}/24`]) }
}

/** Also those without an address or a cable, which `networkInterfaces` leaves out. */
export function listInterfaces(): string[] {
  return readdirSync('/sys/class/net')
}

export function hasAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some(list => list?.some(each => each.address === address))
}

/**
 * Makes the interface that carries a reserved cluster address; nothing when it is there. A dummy interface where the
 * kernel has them, else a bridge without ports: both keep their address up without a cable.
 */
export async function makeReservedInterface(address: string, signal: AbortSignal): Promise<void> {
  const ip = (...args: string[]) => runProgram('ip', args, {}, signal)
  const links = z.array(z.object({ ifname: z.string() })).parse(JSON.parse((await ip('-j', 'link', 'show')) || '[]'))
  if (!links.some(link => link.ifname === reservedInterface)) {
    try {
      await ip('link', 'add', reservedInterface, 'type', 'dummy')
    } catch {
      // "Unknown device type": this kernel has no dummy interfaces. The bridge's own error is the one that counts.
      await ip('link', 'add', reservedInterface, 'type', 'bridge')
    }
  }
  await ip('address', 'replace', `${address}/24`, 'dev', reservedInterface)
  await ip('link', 'set', reservedInterface, 'up')
}

/** No error when there is none of that name. */
export async function removeInterface(name: string, signal: AbortSignal): Promise<void> {
  const json = await runProgram('ip', ['-j', 'link', 'show'], {}, signal)
  const links = z.array(z.object({ ifname: z.string() })).parse(JSON.parse(json || '[]'))
  if (links.some(link => link.ifname === name)) await runProgram('ip', ['link', 'delete', name], {}, signal)
}
