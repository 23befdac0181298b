import { createWriteStream } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../../core/errors.ts'
import { ifMissing, isSystemError } from '../../lib/files.ts'

/**
 * A folder that is there whole or not at all: everything goes into `.NAME.part` beside it, which becomes it at the end. What
 * a killed call left there is written again.
 */
export class NewFolder {
  readonly path: string
  readonly #part: string

  private constructor(path: string) {
    this.path = path
    this.#part = join(dirname(path), `.${basename(path)}.part`)
  }

  /** Rejects `already-exists` when something lies in it. */
  static async begin(path: string): Promise<NewFolder> {
    if ((await entries(path)).length > 0) {
      throw new AppError('already-exists', `there is something in ${path}`, {
        hint: 'Choose another folder: --to FOLDER',
      })
    }
    const folder = new NewFolder(path)
    await rm(folder.#part, { recursive: true, force: true })
    await mkdir(folder.#part, { recursive: true, mode: 0o700 })
    return folder
  }

  async write(name: string, text: string, mode = 0o644): Promise<void> {
    await writeFile(join(this.#part, name), text, { mode })
    // The umask does not make a secret readable, but may make the rest less so.
    await chmod(join(this.#part, name), mode)
  }

  async stream(name: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await pipeline(Readable.from(chunks, { objectMode: false }), createWriteStream(join(this.#part, name)), { signal })
  }

  /** It is there from now on. */
  async finish(): Promise<void> {
    await rename(this.#part, this.path)
  }

  async drop(): Promise<void> {
    await rm(this.#part, { recursive: true, force: true })
  }
}

async function entries(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (isSystemError(error, 'ENOTDIR')) return [path]
    return ifMissing([])(error)
  }
}
