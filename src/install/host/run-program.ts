import { spawn } from 'node:child_process'
// eslint-disable-next-line no-restricted-imports -- without `output` it prints nothing
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { AppError } from '../../core/errors.ts'
import { environment } from '../config.ts'
import { isMissing } from '../../lib/files.ts'

export interface ProgramOptions {
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Written to the program's standard input, which is closed otherwise. */
  readonly input?: string
  /** Each line as it comes, of both streams. */
  readonly say?: (line: string) => void
}

const linesKept = 30

/**
 * Runs one program with an argument array (law: no-shell-text) and returns its standard output without the last line
 * break. Rejects `internal` with the exit code in the message and the last lines of both streams in `details`;
 * `unavailable` when the program is not installed; the signal's reason when aborted (the program gets SIGTERM).
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted()
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...environment, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    signal,
  })
  const last: string[] = []
  const out: string[] = []
  const keep = (line: string) => {
    last.push(line)
    if (last.length > linesKept) last.shift()
    options.say?.(line)
  }
  const stdout = eachLine(child.stdout as Readable, line => {
    out.push(line)
    keep(line)
  })
  const stderr = eachLine(child.stderr as Readable, keep)
  if (options.input !== undefined) child.stdin?.end(options.input)

  const ended = new Promise<{ code: number | null; killedBy: string | null }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killedBy) => resolve({ code, killedBy }))
  })
  try {
    const [{ code, killedBy }] = await Promise.all([ended, stdout, stderr])
    if (code === 0) return out.join('\n')
    const how = killedBy ? `was ended by ${killedBy}` : `exited ${code}`
    throw new AppError('internal', `${called(file, args)} ${how}`, { details: last })
  } catch (error) {
    signal.throwIfAborted()
    if (isMissing(error)) throw new AppError('unavailable', `the program ${file} is not installed`, { cause: error })
    throw error
  }
}

/** `git push`: the program and its verb; arguments that may be long or private are left out. */
function called(file: string, args: readonly string[]): string {
  const verb = args.find(arg => /^[a-z][a-z-]*$/.test(arg))
  return verb === undefined ? file : `${file} ${verb}`
}

async function eachLine(stream: Readable, take: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) take(line)
}
