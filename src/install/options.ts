import { parseArgs } from 'node:util'
import { AppError } from '../core/errors.ts'
import { parseHostName, type HostName } from '../core/names.ts'
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
  /** Deploys examples/hello at the end. */
  readonly hello: boolean
  /** Says whether this machine is ready, and changes nothing. */
  readonly checkOnly: boolean
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
  | { readonly name: 'up'; readonly options: UpOptions }
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

function parseUp(args: string[]): UpOptions {
  const string = { type: 'string' } as const
  const { values } = parsed('up', args, {
    domain: string,
    'cluster-address': string,
    images: string,
    mirror: string,
    'no-hello': { type: 'boolean' },
    check: { type: 'boolean' },
  })
  const text = (name: string) => (typeof values[name] === 'string' ? values[name] : null)
  const mirror = text('mirror')
  if (mirror !== null && !/^https?:\/\/[^\s]+$/.test(mirror))
    throw new AppError('invalid-input', `${JSON.stringify(mirror)} is not the address of a mirror`, {
      hint: hintFor('up'),
    })
  const domain = text('domain')
  return {
    domain: domain === null ? null : parseHostName(domain),
    clusterAddress: text('cluster-address'),
    images: text('images'),
    mirror,
    hello: values['no-hello'] !== true,
    checkOnly: values['check'] === true,
  }
}

function parseDown(args: string[]): DownOptions {
  const { values } = parsed('down', args, { purge: { type: 'boolean' }, yes: { type: 'boolean' } })
  return { purge: values['purge'] === true, yes: values['yes'] === true }
}

function parseDoctor(args: string[]): DoctorOptions {
  const { values } = parsed('doctor', args, { json: { type: 'boolean' }, bundle: { type: 'string' } })
  return { json: values['json'] === true, bundle: typeof values['bundle'] === 'string' ? values['bundle'] : null }
}

function parsed(name: ServerCommandName, args: string[], options: Record<string, { type: 'string' | 'boolean' }>) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false })
  } catch (error) {
    throw new AppError('invalid-input', error instanceof Error ? error.message : String(error), {
      hint: hintFor(name),
      cause: error,
    })
  }
}
