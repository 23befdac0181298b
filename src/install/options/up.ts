import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { parseHostName, type HostName } from '../../core/names.ts'
import { withScheme } from '../../core/proxy.ts'
import type { ServerCommandName } from '../../core/server-commands.ts'
import { parseSource } from '../../proxy/haproxy/per-source.ts'
import { parsePrivateNetworks } from '../firewall/private-networks.ts'
import { boolean, hintFor, parsed, string, textOf, type Values } from './arguments.ts'

export interface UpOptions {
  /** Null: what was decided before, else `localhost`. */
  readonly domain: HostName | null
  /** Null: chosen, or what was decided before. */
  readonly clusterAddress: string | null
  /** A bundle written by `lading images save`; null: images are built. */
  readonly images: string | null
  /** A Debian mirror for images; null: the one this machine uses. */
  readonly mirror: string | null
  /** The HTTP proxy that leads out; `none`: there is none; null: the environment's, else what was decided before. */
  readonly proxy: string | null
  /** What containers may reach of private networks, in words of `parsePrivateNetworks`; null: as decided before. */
  readonly privateNetworks: string | null
  /** Addresses that the edge does not count, with commas between them; `none`; null: as decided before. */
  readonly balancers: string | null
  /** Deploys examples/hello at the end. */
  readonly hello: boolean
  /** Says whether this machine is ready, and changes nothing. */
  readonly checkOnly: boolean
  /** So long a new control plane may take to prove itself (s). */
  readonly patience: number
}

/** What `up` is asked to leave as it is. */
export const asBefore: UpOptions = {
  domain: null,
  clusterAddress: null,
  images: null,
  mirror: null,
  proxy: null,
  privateNetworks: null,
  balancers: null,
  hello: false,
  checkOnly: false,
  patience: defaults.provingSeconds,
}

/** What `up` and `upgrade` take alike. */
const making = { images: string, mirror: string, patience: string }

export function parseUp(args: string[]): UpOptions {
  const more = {
    domain: string,
    advertise: string,
    // Its name before; still taken.
    'cluster-address': string,
    proxy: string,
    'private-networks': string,
    balancers: string,
    'no-hello': boolean,
    check: boolean,
  }
  const values = parsed('up', args, { ...making, ...more })
  const domain = textOf(values, 'domain')
  return {
    ...parseMaking('up', values),
    domain: domain === null ? null : parseHostName(domain),
    clusterAddress: textOf(values, 'advertise') ?? textOf(values, 'cluster-address'),
    proxy: parseProxy(textOf(values, 'proxy')),
    privateNetworks: policyOf(textOf(values, 'private-networks')),
    balancers: balancersOf(textOf(values, 'balancers')),
    hello: values['no-hello'] !== true,
    checkOnly: values['check'] === true,
  }
}

export function parseUpgrade(args: string[]): UpOptions {
  return { ...asBefore, ...parseMaking('upgrade', parsed('upgrade', args, making)) }
}

function parseMaking(name: ServerCommandName, values: Values): Pick<UpOptions, 'images' | 'mirror' | 'patience'> {
  const mirror = textOf(values, 'mirror')
  if (mirror !== null && !/^https?:\/\/[^\s]+$/.test(mirror))
    throw new AppError('invalid-input', `${JSON.stringify(mirror)} is not the address of a mirror`, {
      hint: hintFor(name),
    })
  const patience = textOf(values, 'patience')
  if (patience !== null && !/^[1-9]\d{0,4}$/.test(patience))
    throw new AppError('invalid-input', `${JSON.stringify(patience)} is not a number of seconds`, {
      hint: hintFor(name),
    })
  return {
    images: textOf(values, 'images'),
    mirror,
    patience: patience === null ? defaults.provingSeconds : Number(patience),
  }
}

/** `http://proxy:3128`, `proxy:3128` or `none`. */
function parseProxy(text: string | null): string | null {
  if (text === null || text === 'none') return text
  const proxy = withScheme(text)
  if (/^https?:\/\/\S+$/.test(proxy) && URL.canParse(proxy)) return proxy
  throw new AppError('invalid-input', `${JSON.stringify(text)} is not the address of a proxy`, { hint: hintFor('up') })
}

function balancersOf(text: string | null): string | null {
  if (text === null || text === 'none') return text
  return text
    .split(',')
    .map(one => parseSource(one.trim()))
    .join(',')
}

/** One spelling of each policy: what is decided is compared. */
function policyOf(text: string | null): string | null {
  if (text === null) return null
  const { policy, except } = parsePrivateNetworks(text)
  return [policy, ...except].join(',')
}
