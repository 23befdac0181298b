import { parseArgs } from 'node:util'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { parseHostName, type HostName } from '../core/names.ts'
import { withScheme } from '../core/proxy.ts'
import { serverCommands, serverHelp, type ServerCommandName } from '../core/server-commands.ts'

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
  hello: false,
  checkOnly: false,
  patience: defaults.provingSeconds,
}

export interface DownOptions {
  /** Removes data, packages and decisions too. */
  readonly purge: boolean
  readonly yes: boolean
}

export interface DoctorOptions {
  readonly json: boolean
  /** A file for a bug report; null: none. */
  readonly bundle: string | null
}

export type Command =
  | { readonly name: 'up' | 'upgrade'; readonly options: UpOptions }
  | { readonly name: 'down'; readonly options: DownOptions }
  | { readonly name: 'doctor'; readonly options: DoctorOptions }
  | { readonly name: 'boot' }
  | { readonly name: 'images save'; readonly file: string }
  | { readonly name: 'help'; readonly page: string }

/** Rejects `invalid-input` with where to read on as hint. */
export function parseCommand(args: readonly string[]): Command {
  const [name, ...rest] = args
  if (isServerCommand(name) && rest.some(word => word === '--help' || word === '-h'))
    return { name: 'help', page: serverHelp(name) }
  if (name === 'up') return { name, options: parseUp(rest) }
  if (name === 'upgrade') return { name, options: parseUpgrade(rest) }
  if (name === 'down') return { name, options: parseDown(rest) }
  if (name === 'doctor') return { name, options: parseDoctor(rest) }
  if (name === 'boot' && rest.length === 0) return { name }
  if (name === 'images' && rest[0] === 'save' && rest[1] !== undefined && rest.length === 2)
    return { name: 'images save', file: rest[1] }
  throw new AppError('invalid-input', `"lading ${args.join(' ')}" is not a command`, { hint: hintFor(name) })
}

function isServerCommand(name: string | undefined): name is ServerCommandName {
  return name !== undefined && Object.hasOwn(serverCommands, name)
}

function hintFor(name: string | undefined): string {
  if (isServerCommand(name)) return `"lading ${name} --help" tells more.`
  const names = Object.keys(serverCommands).map(known => `lading ${known}`)
  return `There is: ${names.join(', ')}; each has --help.`
}

const string = { type: 'string' } as const
const boolean = { type: 'boolean' } as const
/** What `up` and `upgrade` take alike. */
const making = { images: string, mirror: string, patience: string }

function parseUp(args: string[]): UpOptions {
  const more = {
    domain: string,
    advertise: string,
    // Its name before; still taken.
    'cluster-address': string,
    proxy: string,
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
    hello: values['no-hello'] !== true,
    checkOnly: values['check'] === true,
  }
}

function parseUpgrade(args: string[]): UpOptions {
  return { ...asBefore, ...parseMaking('upgrade', parsed('upgrade', args, making)) }
}

type Values = Readonly<Record<string, string | boolean | undefined>>

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

function textOf(values: Values, name: string): string | null {
  const value = values[name]
  return typeof value === 'string' ? value : null
}

/** `http://proxy:3128`, `proxy:3128` or `none`. */
function parseProxy(text: string | null): string | null {
  if (text === null || text === 'none') return text
  const proxy = withScheme(text)
  if (/^https?:\/\/\S+$/.test(proxy) && URL.canParse(proxy)) return proxy
  throw new AppError('invalid-input', `${JSON.stringify(text)} is not the address of a proxy`, { hint: hintFor('up') })
}

function parseDown(args: string[]): DownOptions {
  const values = parsed('down', args, { purge: boolean, yes: boolean })
  return { purge: values['purge'] === true, yes: values['yes'] === true }
}

function parseDoctor(args: string[]): DoctorOptions {
  const values = parsed('doctor', args, { json: boolean, bundle: string })
  return { json: values['json'] === true, bundle: textOf(values, 'bundle') }
}

function parsed(
  name: ServerCommandName,
  args: string[],
  options: Readonly<Record<string, { type: 'string' | 'boolean' }>>,
): Values {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new AppError('invalid-input', error instanceof Error ? error.message : String(error), {
      hint: hintFor(name),
      cause: error,
    })
  }
}
