// eslint-disable-next-line no-restricted-imports -- without `output` it prints nothing
import { createInterface } from 'node:readline'
import { readFile } from 'node:fs/promises'
import { AppError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { printError } from '../printer.ts'

/**
 * From a file (its first line), else asked for on the terminal, where it is not shown. Rejects `invalid-input` where there
 * is neither.
 */
export async function passphraseFrom(file: string | null, question: string): Promise<Secret> {
  const text = file === null ? await ask(question) : ((await readFile(file, 'utf8')).split('\n')[0] ?? '')
  if (text.trim() === '') throw new AppError('invalid-input', 'the passphrase is empty')
  return new Secret(text.trim())
}

async function ask(question: string): Promise<string> {
  const { stdin } = process
  if (!stdin.isTTY)
    throw new AppError('invalid-input', 'there is no terminal to ask for the passphrase', {
      hint: 'Write it into a file and give --passphrase-file FILE.',
    })
  printError(question)
  // Without `output` readline echoes nothing, and in raw mode the terminal does not either.
  const lines = createInterface({ input: stdin, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('SIGINT', () => reject(new AppError('cancelled', 'stopped')))
      lines.once('close', () => resolve(''))
    })
  } finally {
    lines.close()
    printError('\n')
  }
}
