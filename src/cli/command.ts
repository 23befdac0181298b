import { type Command, InvalidArgumentError } from 'commander'
import { AppError } from '../core/errors.ts'

/** What every command takes. */
export interface Common {
  readonly app?: string
  readonly json?: boolean
  readonly verbose?: boolean
}

interface CommandText {
  readonly summary: string
  /** Command lines without the `$`. */
  readonly examples: readonly string[]
  /** A paragraph more, where the summary does not say enough. */
  readonly more?: string
  /** False: it is about the platform, not about one app. */
  readonly isAppless?: boolean
}

/** A command with the common options and its help. Names in capitals are arguments. */
export function addCommand(
  parent: Command,
  usage: string,
  { summary, examples, more, isAppless }: CommandText,
): Command {
  const command = parent.command(usage).description(summary)
  // It runs by itself too, so Commander takes a mistyped command below it for an argument: see `on`.
  if (parent.parent) parent.allowExcessArguments()
  if (more !== undefined) command.addHelpText('after', `\n${more}`)
  if (!isAppless) command.option('-a, --app <name>', "the app; without it, that of the folder's git remote")
  command.option('--json', 'the result as JSON on stdout')
  command.option('--verbose', 'the whole story of an error')
  const plural = examples.length > 1 ? 's' : ''
  command.addHelpText('after', `\nExample${plural}:\n${examples.map(line => `  $ ${line}`).join('\n')}`)
  return command
}

/** Runs with the options of the command and of those above it first, then its arguments. */
export function on<Options extends Common, Arguments extends readonly unknown[]>(
  command: Command,
  run: (options: Options, ...args: Arguments) => Promise<void>,
): Command {
  return command.action(async (...all: unknown[]) => {
    const self = all.at(-1) as Command
    if (self.commands.length > 0 && self.args[0] !== undefined) throw unknownBelow(self, self.args[0])
    await run(self.optsWithGlobals(), ...(all.slice(0, -2) as unknown as Arguments))
  })
}

function unknownBelow(command: Command, word: string): AppError {
  const known = command.commands.map(below => `lading ${command.name()} ${below.name()}`)
  return new AppError('invalid-input', `unknown command '${command.name()} ${word}'`, {
    hint: `There is: ${known.join(', ')}`,
  })
}

/** For options that are whole numbers. */
export function wholeNumber(text: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number.')
}

/** `A=1 B=2` as pairs; a value may hold `=`. */
export function pairs(args: readonly string[], example: string): [string, string][] {
  return args.map(arg => {
    const at = arg.indexOf('=')
    if (at > 0) return [arg.slice(0, at), arg.slice(at + 1)]
    throw new InvalidArgumentError(`${JSON.stringify(arg)} is not of the form ${example}.`)
  })
}
