import { AppError } from '../../core/errors.ts'
import { parseHostName } from '../../core/names.ts'
import { boolean, hintFor, parsedArguments, string, textOf } from './arguments.ts'
import type { UpOptions } from './up.ts'

export interface RestoreOptions extends Pick<UpOptions, 'domain' | 'clusterAddress' | 'images' | 'mirror'> {
  readonly file: string
  /** Holds the recovery code or the passphrase; null: it is asked for. */
  readonly passphraseFile: string | null
  /** The platform that the backup came from may answer. */
  readonly beside: boolean
}

export function parseRestore(args: string[]): RestoreOptions {
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
