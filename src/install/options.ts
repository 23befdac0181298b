import { AppError } from '../core/errors.ts'
import { serverHelp } from '../core/server-commands.ts'
import { boolean, hintFor, isServerCommand, parsed, string, textOf } from './options/arguments.ts'
import { parseBackup, type BackupCommand } from './options/backup.ts'
import { parseRestore, type RestoreOptions } from './options/restore.ts'
import { parseUp, parseUpgrade, type UpOptions } from './options/up.ts'

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
