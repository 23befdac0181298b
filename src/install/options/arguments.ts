import { parseArgs } from 'node:util'
import { AppError } from '../../core/errors.ts'
import { serverCommands, type ServerCommandName } from '../../core/server-commands.ts'

export const string = { type: 'string' } as const
export const boolean = { type: 'boolean' } as const

export type Values = Readonly<Record<string, string | boolean | undefined>>
type Options = Readonly<Record<string, { type: 'string' | 'boolean' }>>

export function isServerCommand(name: string | undefined): name is ServerCommandName {
  return name !== undefined && Object.hasOwn(serverCommands, name)
}

export function hintFor(name: string | undefined): string {
  if (isServerCommand(name)) return `"lading ${name} --help" tells more.`
  const names = Object.keys(serverCommands).map(known => `lading ${known}`)
  return `There is: ${names.join(', ')}; each has --help.`
}

export function textOf(values: Values, name: string): string | null {
  const value = values[name]
  return typeof value === 'string' ? value : null
}

export function parsed(name: ServerCommandName, args: string[], options: Options): Values {
  const { values, positionals } = parsedArguments(name, args, options)
  const [argument] = positionals
  if (argument === undefined) return values
  throw new AppError('invalid-input', `"lading ${name}" takes no argument, and was given ${JSON.stringify(argument)}`, {
    hint: hintFor(name),
  })
}

export function parsedArguments(
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
