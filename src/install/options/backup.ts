import type { ScheduleChange } from '../../backup/backups.ts'
import { AppError } from '../../core/errors.ts'
import { boolean, hintFor, parsedArguments, string, textOf } from './arguments.ts'

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

export function parseBackup(args: string[]): BackupCommand {
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
