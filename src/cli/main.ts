import type { CommanderError } from 'commander'
import { AppError, asAppError } from '../core/errors.ts'
import { systemClock } from '../core/system.ts'
import { readConfig } from './config.ts'
import { credential } from './connection/credential.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { meant } from './meant.ts'
import { Session } from './session.ts'
import { Terminal } from './terminal.ts'

/** The command line; returns the exit code (docs/reference/cli.md). */
export async function main(args: readonly string[]): Promise<number> {
  const config = readConfig()
  const terminal = new Terminal({ out: process.stdout, err: process.stderr, hasColor: config.hasColor })
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error(`stopped by ${name}`)))
  // A reader that leaves (`lading logs | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EPIPE' ? process.exit(0) : stop.abort(error),
  )
  const session = new Session({
    config,
    terminal,
    folder: process.cwd(),
    clock: systemClock,
    signal: stop.signal,
    stdin: process.stdin,
  })
  const done = new AbortController()
  systemClock.sleep(patienceMs, done.signal).then(
    () => terminal.sayUnlessSpoken('… waiting for the control plane'),
    () => undefined,
  )
  try {
    await command(args, session)
    return Number(process.exitCode ?? exitCodes.ok[0])
  } catch (error) {
    if (isCommanders(error) && error.exitCode === 0) return exitCodes.ok[0]
    if (stop.signal.aborted) return exitCodes.interrupted[0]
    const appError = isCommanders(error) ? usageError(error) : asAppError(error)
    terminal.error(appError, args.includes('--verbose'))
    return exitCodeOf(appError.code)
  } finally {
    done.abort()
  }
}

async function command(args: readonly string[], session: Session): Promise<void> {
  // git waits for it at each push: the other commands are not even read for it.
  if (args[0] === 'credential' && args[1] === 'get' && args.length === 2) return credential(session, 'get')
  const { createProgram } = await import('./program.ts')
  const program = createProgram(session)
  if (args.length === 0) program.outputHelp()
  else await program.parseAsync([...args], { from: 'user' })
}

function isCommanders(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}

/** After so long without output a terminal says that we wait (ms). */
const patienceMs = 1_000

/** `error: unknown command 'deplyo'\n(Did you mean deploy?)` in our own way. */
function usageError({ message, code }: CommanderError): AppError {
  if (code === 'commander.help') return new AppError('invalid-input', 'a command is missing', { hint: helpHint })
  const [first = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const near = suggestion?.replace(/^\((.*)\)$/, '$1')
  // By meaning first: letters alone bring "restart" to "restore".
  const hint = meant(first) ?? near ?? helpHint
  return new AppError('invalid-input', first, { hint })
}

const helpHint = '"lading help COMMAND" tells more.'

process.exitCode = await main(process.argv.slice(2))
