import { requireSize, shortened } from '../core/bounds.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { parseProcessType } from '../core/names.ts'
import type { Process } from '../core/release.ts'

export interface Procfile {
  /** In the order of the file, without `release`. */
  readonly processes: readonly Process[]
  readonly releaseCommand: string | null
}

/**
 * Reads a Procfile: lines `<type>: <command>`; blank lines and lines that start with `#` are skipped. Strict, because a
 * mistyped line would be a process that silently never runs: anything else, and a type that occurs twice, rejects the
 * whole file as `invalid-input` with the line's number and text. `release` is reserved for the release phase.
 */
export function parseProcfile(text: string): Procfile {
  requireSize(text, { name: 'Procfile', bytes: defaults.procfileBytes })
  const commands = new Map<string, string>()
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [type, command] = parseLine(line, index + 1)
    if (commands.has(type)) throw refusal(index + 1, line, `the process type "${type}" is there twice`)
    commands.set(type, command)
    if (commands.size > defaults.processTypes) {
      throw new AppError('invalid-input', `Procfile names more than ${defaults.processTypes} process types`)
    }
  }
  if (commands.size === 0) throw new AppError('invalid-input', 'Procfile names no process type', { hint: example })
  return {
    processes: [...commands]
      .filter(([type]) => type !== 'release')
      .map(([type, command]) => ({ type: parseProcessType(type), command })),
    releaseCommand: commands.get('release') ?? null,
  }
}

const example = 'A line is "<type>: <command>", such as "web: node server.js".'

function parseLine(line: string, number: number): readonly [string, string] {
  const [, type = '', command = ''] = /^([^:\s]*)\s*:\s*(.*)$/.exec(line) ?? []
  if (type === '' || command === '') throw refusal(number, line, 'it is not "<type>: <command>"')
  try {
    return [parseProcessType(type), command]
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw refusal(number, line, error.message, error.hint)
  }
}

function refusal(number: number, line: string, why: string, hint: string = example): AppError {
  return new AppError('invalid-input', `Procfile line ${number} (${JSON.stringify(shortened(line, 100))}): ${why}`, {
    hint,
  })
}
