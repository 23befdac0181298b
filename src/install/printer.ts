import { once } from 'node:events'
import { systemClock } from '../core/system.ts'
import { visible, visibleJson } from '../core/visible.ts'
import { StepProgress } from './steps/progress.ts'

/**
 * Where words of this root go. Everything that is printed passes here or through `Progress` (lint): facts and errors are
 * partly of others (an app's answer, a program's last words, a server's error), and the terminal obeys nothing of them.
 */
export function print(text: string): void {
  process.stdout.write(visible(text))
}

/** One value in lines of its own. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${visibleJson(value, indent)}\n`)
}

/** Errors and questions. */
export function printError(text: string): void {
  process.stderr.write(visible(text))
}

export function progress(): StepProgress {
  return new StepProgress(process.stdout, systemClock)
}

/** True where what is written is seen and not passed on. */
export function isTerminal(): boolean {
  return process.stdout.isTTY
}

/** No words: the very bytes, for a file or a program. Resolves when there is room for more. */
export async function passOn(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain', { signal })
}

/** Whoever read what is printed may go; the work goes on. */
export function ignoreClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}
