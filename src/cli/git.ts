import { spawn } from 'node:child_process'
import { AppError } from '../core/errors.ts'
import { isMissing } from '../lib/files.ts'

/** The git of the folder we are in. Programs are started with argument arrays (law: no-shell-text). */
export class Git {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Null outside of a repository, and where there is no git. */
  async topLevel(): Promise<string | null> {
    return this.#answer(['rev-parse', '--show-toplevel'])
  }

  /** What is committed below the folder, or would be; null outside of a repository, and where there is no git. */
  async files(): Promise<readonly string[] | null> {
    const { code, out } = await this.#run(['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
    return code === 0 ? [...new Set(out.split('\0').filter(path => path !== ''))] : null
  }

  async remoteUrl(remote: string): Promise<string | null> {
    return this.#answer(['config', '--local', '--get', `remote.${remote}.url`])
  }

  addRemote(remote: string, url: string): Promise<void> {
    return this.#must(['remote', 'add', '--', remote, url])
  }

  /** Of this repository only; replaces all values of the key. */
  async setLocal(key: string, ...values: readonly string[]): Promise<void> {
    const [first = '', ...others] = values
    await this.#must(['config', '--local', '--replace-all', key, first])
    for (const value of others) await this.#must(['config', '--local', '--add', key, value])
  }

  /** Of this user; no error where there is no git. */
  async setGlobal(key: string, value: string): Promise<void> {
    const { code, err } = await this.#run(['config', '--global', '--replace-all', key, value])
    if (code !== 0 && code !== 127) throw new AppError('internal', `git config failed: ${err.trim() || `code ${code}`}`)
  }

  /** No error where there is none, nor where there is no git. */
  async unsetGlobal(key: string): Promise<void> {
    await this.#run(['config', '--global', '--unset-all', key])
  }

  async #answer(args: readonly string[]): Promise<string | null> {
    const { code, out } = await this.#run(args)
    return code === 0 && out.trim() !== '' ? out.trim() : null
  }

  async #must(args: readonly string[]): Promise<void> {
    const { code, err } = await this.#run(args)
    if (code !== 0) throw new AppError('internal', `git ${args[0]} failed: ${err.trim() || `code ${code}`}`)
  }

  #run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn('git', ['-C', this.#folder, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
      let [out, err] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
      child.on('error', error =>
        isMissing(error) ? resolve({ code: 127, out: '', err: 'git is not installed' }) : reject(error),
      )
      child.on('close', code => resolve({ code: code ?? 1, out, err }))
    })
  }
}
