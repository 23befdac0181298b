import { parseArgs } from 'node:util'
import type { ScheduleChange } from '../backup/backups.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { parseHostName, type HostName } from '../core/names.ts'
import { withScheme } from '../core/proxy.ts'
import { serverCommands, serverHelp, type ServerCommandName } from '../core/server-commands.ts'
import { parseSource } from '../proxy/haproxy/per-source.ts'
import { parsePrivateNetworks } from './firewall/private-networks.ts'

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

export type BackupCommand =
  /** Where the schedule puts them. */
  | { readonly do: 'now'; readonly json: boolean }
  /** A folder of this machine, or `-`: standard output. */
  | { readonly do: 'to'; readonly to: string; readonly passphraseFile: string | null; readonly json: boolean }
  | { readonly do: 'ls'; readonly json: boolean }
  | { readonly do: 'verify'; readonly file: string; readonly passphraseFile: string | null; readonly json: boolean }
  | {
      readonly do: 'schedule'
      readonly change: ScheduleChange
      /** Null: as it is. */
      readonly s3: S3Options | null
      readonly json: boolean
    }

export interface S3Options {
  readonly endpoint: string
  readonly region: string
  /** A file. */
  readonly credentials: string
}

export interface RestoreOptions extends Pick<UpOptions, 'domain' | 'clusterAddress' | 'images' | 'mirror'> {
  readonly file: string
  /** Holds the recovery code or the passphrase; null: it is asked for. */
  readonly passphraseFile: string | null
  /** The platform that the backup came from may answer. */
  readonly beside: boolean
}

const rotated = ['owner-token', 'registry-token'] as const

/** What "lading rotate" changes. */
export type Rotated = (typeof rotated)[number]

export type Command =
  | { readonly name: 'backup'; readonly command: BackupCommand }
  | { readonly name: 'restore'; readonly options: RestoreOptions }
  | { readonly name: 'up' | 'upgrade'; readonly options: UpOptions }
  | { readonly name: 'down'; readonly options: DownOptions }
  | { readonly name: 'doctor'; readonly options: DoctorOptions }
  | { readonly name: 'boot' }
  | { readonly name: 'rotate'; readonly what: Rotated }
  | { readonly name: 'images save'; readonly file: string }
  | { readonly name: 'help'; readonly page: string }

/** Rejects `invalid-input` with where to read on as hint. */
export function parseCommand(args: readonly string[]): Command {
  const [name, ...rest] = args
  if (isServerCommand(name) && rest.some(argument => argument === '--help' || argument === '-h'))
    return { name: 'help', page: serverHelp(name) }
  if (name === 'up') return { name, options: parseUp(rest) }
  if (name === 'upgrade') return { name, options: parseUpgrade(rest) }
  if (name === 'down') return { name, options: parseDown(rest) }
  if (name === 'doctor') return { name, options: parseDoctor(rest) }
  if (name === 'backup') return { name, command: parseBackup(rest) }
  if (name === 'restore') return { name, options: parseRestore(rest) }
  if (name === 'boot' && rest.length === 0) return { name }
  if (name === 'rotate') return { name, what: parseRotated(rest) }
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

function parseDown(args: string[]): DownOptions {
  const values = parsed('down', args, { purge: boolean, yes: boolean })
  return { purge: values['purge'] === true, yes: values['yes'] === true }
}

function parseDoctor(args: string[]): DoctorOptions {
  const values = parsed('doctor', args, { json: boolean, bundle: string })
  return { json: values['json'] === true, bundle: textOf(values, 'bundle') }
}

function parseRotated([argument, ...more]: string[]): Rotated {
  const what = rotated.find(one => one === argument)
  if (what !== undefined && more.length === 0) return what
  throw new AppError('invalid-input', `"lading rotate" takes one of: ${rotated.join(', ')}`, {
    hint: hintFor('rotate'),
  })
}

function parseBackup(args: string[]): BackupCommand {
  const { values, positionals } = parsedArguments('backup', args, {
    to: string,
    'passphrase-file': string,
    every: string,
    keep: string,
    endpoint: string,
    region: string,
    credentials: string,
    on: boolean,
    off: boolean,
    json: boolean,
  })
  const text = (name: string) => textOf(values, name)
  const json = values['json'] === true
  const passphraseFile = text('passphrase-file')
  const [verb = null, file = null, ...more] = positionals
  const refuse = (message: string): never => {
    throw new AppError('invalid-input', message, { hint: hintFor('backup') })
  }
  const only = (...names: string[]): void => {
    const other = Object.keys(values).find(name => !['json', ...names].includes(name))
    if (other !== undefined) refuse(`"lading backup${verb === null ? '' : ` ${verb}`}" has no option --${other} here`)
  }
  if (more.length > 0 || (verb !== 'verify' && file !== null)) refuse(`too many arguments: ${positionals.join(' ')}`)
  switch (verb) {
    case null: {
      only('to', 'passphrase-file')
      const to = text('to')
      if (to !== null) return { do: 'to', to, passphraseFile, json }
      if (passphraseFile !== null) refuse('--passphrase-file goes with --to; the schedule uses the recovery code')
      return { do: 'now', json }
    }
    case 'ls':
      only()
      return { do: 'ls', json }
    case 'verify':
      only('passphrase-file')
      return { do: 'verify', file: file ?? refuse('which file?'), passphraseFile, json }
    case 'schedule': {
      only('to', 'every', 'keep', 'on', 'off', 'endpoint', 'region', 'credentials')
      const number = (name: string) => {
        const given = text(name)
        if (given !== null && !/^[1-9]\d{0,3}$/.test(given)) refuse(`--${name} ${given} is no whole number above 0`)
        return given === null ? undefined : Number(given)
      }
      if (values['on'] === true && values['off'] === true) refuse('--on or --off?')
      const on = values['on'] === true ? true : values['off'] === true ? false : undefined
      const change = { on, to: text('to') ?? undefined, everyHours: number('every'), keep: number('keep') }
      const given = Object.entries(change).filter(([, value]) => value !== undefined)
      const [endpoint, region, credentials] = [text('endpoint'), text('region'), text('credentials')]
      if ([endpoint, region, credentials].every(one => one === null))
        return { do: 'schedule', change: Object.fromEntries(given), s3: null, json }
      if (endpoint === null || credentials === null) return refuse('--endpoint and --credentials go together')
      const s3 = { endpoint, region: region ?? 'us-east-1', credentials }
      return { do: 'schedule', change: Object.fromEntries(given), s3, json }
    }
    default:
      return refuse(`"lading backup ${verb}" is not a command`)
  }
}

function parseRestore(args: string[]): RestoreOptions {
  const { values, positionals } = parsedArguments('restore', args, {
    'passphrase-file': string,
    domain: string,
    'cluster-address': string,
    images: string,
    mirror: string,
    beside: boolean,
  })
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0)
    throw new AppError(
      'invalid-input',
      file === undefined ? 'which backup?' : `too many arguments: ${more.join(' ')}`,
      {
        hint: hintFor('restore'),
      },
    )
  const text = (name: string) => textOf(values, name)
  const domain = text('domain')
  return {
    file,
    passphraseFile: text('passphrase-file'),
    domain: domain === null ? null : parseHostName(domain),
    clusterAddress: text('cluster-address'),
    images: text('images'),
    mirror: text('mirror'),
    beside: values['beside'] === true,
  }
}

type Options = Readonly<Record<string, { type: 'string' | 'boolean' }>>

function parsed(name: ServerCommandName, args: string[], options: Options): Values {
  const { values, positionals } = parsedArguments(name, args, options)
  const [argument] = positionals
  if (argument === undefined) return values
  throw new AppError('invalid-input', `"lading ${name}" takes no argument, and was given ${JSON.stringify(argument)}`, {
    hint: hintFor(name),
  })
}

function parsedArguments(
  name: ServerCommandName,
  args: string[],
  options: Options,
): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: true })
  } catch (error) {
    throw new AppError('invalid-input', error instanceof Error ? error.message : String(error), {
      hint: hintFor(name),
      cause: error,
    })
  }
}
