import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'

/**
 * The text as someone leaves it in his editor, from a file of his own (0600) that is gone afterwards. `editor` may have
 * arguments, as in `code --wait`; no shell reads it. Rejects `invalid-input` when the editor cannot be started or fails.
 */
export async function edited(text: string, editor: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-'))
  try {
    const file = join(folder, 'config.env')
    await writeFile(file, text, { mode: 0o600 })
    const [program = 'vi', ...args] = editor.split(' ').filter(Boolean)
    const code = await new Promise<number | null>((resolve, reject) => {
      // eslint-disable-next-line no-restricted-syntax -- an editor is the terminal's while it runs
      spawn(program, [...args, file], { stdio: 'inherit' })
        .on('error', cause => reject(new AppError('invalid-input', `${program} cannot be started`, { hint, cause })))
        .on('close', resolve)
    })
    if (code !== 0) throw new AppError('invalid-input', `${program} ended with code ${code}: nothing was changed`)
    return await readFile(file, 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const hint = 'Name an editor by EDITOR or VISUAL.'
