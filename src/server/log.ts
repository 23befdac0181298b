import { AppError } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'

export type Log = (event: string, facts: Readonly<Record<string, unknown>>) => void

/** One JSON object a line on stdout (factor XI). Secrets print as `[secret]` by their type. */
export function createLog(clock: Clock, write: (line: string) => void): Log {
  return (event, facts) => {
    const plain = Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, printable(value)]))
    write(JSON.stringify({ time: new Date(clock.now()).toISOString(), event, ...plain }) + '\n')
  }
}

function printable(value: unknown): unknown {
  if (value instanceof AppError)
    return { code: value.code, message: value.message, hint: value.hint, stack: value.stack }
  if (value instanceof Error) return { message: value.message, stack: value.stack }
  return value
}
