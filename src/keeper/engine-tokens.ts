import { readFileSync } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { parseEngineTokens } from '../core/engine-tokens.ts'
import { asAppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'
import { followFile } from '../lib/files.ts'

export interface EngineTokensOptions {
  /** `/etc/lading/registry-token`; null: there is no listener that engines show a token at. */
  readonly path: string | null
  readonly clock: Clock
  readonly log: (line: string) => void
  /** Puts the tokens of now into HAProxy; repeated until it succeeds. */
  readonly reload: () => Promise<void>
}

/**
 * What engines may show at the registry's listener, as the file says it now (docs/design/secrets.md): `lading rotate
 * registry-token` writes a second line, and takes it away again. What holds no token changes nothing.
 */
export class EngineTokens {
  readonly #options: EngineTokensOptions
  #tokens: readonly Secret[]
  #loaded: string

  /** Rejects `invalid-input` where the file holds no token. */
  constructor(options: EngineTokensOptions) {
    this.#options = options
    this.#tokens = this.#read()
    this.#loaded = textOf(this.#tokens)
  }

  /** For the configuration of a HAProxy that starts now. */
  current(): readonly Secret[] {
    return this.#tokens
  }

  /** Follows the file, until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const { path, clock, log } = this.#options
    if (path === null) return
    const onUnwatched = (error: Error) => log(`keeper: cannot watch ${path}: ${error.message}`)
    await followFile({ path, by: 'name', clock, look: () => this.look(), onUnwatched }, signal)
  }

  /** Reads the file once more. What HAProxy does not take is tried at the next look. */
  async look(): Promise<void> {
    const { log, reload } = this.#options
    try {
      this.#tokens = this.#read()
      const text = textOf(this.#tokens)
      if (text === this.#loaded) return
      await reload()
      this.#loaded = text
      log(`keeper: ${this.#tokens.length} token(s) of engines taken from the file`)
    } catch (error) {
      log(`keeper: the token of engines is not taken: ${asAppError(error).message}`)
    }
  }

  #read(): readonly Secret[] {
    const { path } = this.#options
    return path === null ? [] : parseEngineTokens(readFileSync(path, 'utf8'))
  }
}

function textOf(tokens: readonly Secret[]): string {
  return tokens.map(token => token.reveal()).join()
}
