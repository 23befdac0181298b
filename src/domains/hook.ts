import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'

/** The operator's folder, mounted read-only into the control plane's container. */
const hookMs = 5 * 60_000
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Programs of the operator's that put a record into DNS: `NAME present|cleanup RECORD VALUE` (docs/design/domains.md). */
export class DnsHooks {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Rejects `not-found` when there is none of that name, `invalid-input` when it is no name or cannot be run. */
  async assert(name: string): Promise<void> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
      throw new AppError('invalid-input', `${JSON.stringify(name)} is not the name of a hook`, {
        hint: `A hook is a program in ${this.#folder} on the server, named without its folder.`,
      })
    }
    const file = join(this.#folder, name)
    const may = (mode: number) =>
      access(file, mode).then(
        () => true,
        () => false,
      )
    if (!(await may(constants.F_OK))) {
      throw new AppError('not-found', `there is no ${file} on the server`, { hint: 'Put the program there first.' })
    }
    if (await may(constants.X_OK)) return
    throw new AppError('invalid-input', `${file} cannot be run`, { hint: `chmod 0755 ${file}` })
  }

  /** Resolves when it has ended well. Rejects `unavailable` with the last lines that it wrote to stderr. */
  async run(name: string, args: readonly [verb: string, record: string, value: string], signal: AbortSignal) {
    await this.assert(name)
    const options = { env: { PATH: path }, signal, timeout: hookMs, maxBuffer: 1024 * 1024 }
    await new Promise<void>((resolve, reject) =>
      execFile(join(this.#folder, name), args, options, (error, _out, err) => {
        if (error === null) return resolve()
        const last = err.trim().split('\n').slice(-3).join('; ')
        const how = error.killed ? `took longer than ${hookMs / 60_000} minutes` : `exited with ${error.code}`
        reject(
          new AppError('unavailable', `the hook ${name} ${args[0]} ${how}${last ? `: ${last}` : ''}`, { cause: error }),
        )
      }),
    )
  }
}
