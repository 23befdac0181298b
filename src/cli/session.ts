import { AppError } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'
import { parseAppName, type AppName } from '../core/names.ts'
import { Client } from './connection/client.ts'
import type { CliConfig } from './config.ts'
import { Git } from './git.ts'
import { findPlace, isPlaceKnown } from './connection/places.ts'
import type { Terminal } from './terminal.ts'

/** The git remote that `lading create` and `lading connect` add. */
export const remoteName = 'lading'

/** One call of the program: where it stands, whom it speaks to, and when it must stop. */
export class Session {
  readonly config: CliConfig
  readonly terminal: Terminal
  readonly git: Git
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly stdin: NodeJS.ReadStream
  #client: Client | null = null

  constructor(parts: {
    readonly config: CliConfig
    readonly terminal: Terminal
    readonly folder: string
    readonly clock: Clock
    readonly signal: AbortSignal
    readonly stdin: NodeJS.ReadStream
  }) {
    this.config = parts.config
    this.terminal = parts.terminal
    this.git = new Git(parts.folder)
    this.clock = parts.clock
    this.signal = parts.signal
    this.stdin = parts.stdin
  }

  async client(): Promise<Client> {
    this.#client ??= new Client(await findPlace(this.config, await this.git.remoteUrl(remoteName)), this.signal)
    return this.#client
  }

  /** False where nothing says which platform is meant. */
  async hasPlatform(): Promise<boolean> {
    return isPlaceKnown(this.config, await this.git.remoteUrl(remoteName))
  }

  /** What is typed at a terminal; without one it must have been given by `--confirm`. */
  async typedName(question: string): Promise<string> {
    if (this.stdin.isTTY) return this.terminal.ask(question, this.stdin, this.signal)
    throw new AppError('invalid-input', 'the name must be given', { hint: 'Add --confirm NAME.' })
  }

  /** `--app`, else LADING_APP, else the app of the folder's git remote. */
  async app(option: string | undefined): Promise<AppName> {
    const named = option ?? this.config.app
    if (named !== null) return parseAppName(named)
    const url = await this.git.remoteUrl(remoteName)
    const [, app] = /\/([^/]+?)(?:\.git)?$/.exec(url ?? '') ?? []
    if (app !== undefined) return parseAppName(app)
    throw new AppError('invalid-input', 'which app?', {
      hint: 'Name it with --app NAME, or run this in the folder of an app ("lading create NAME" makes one, "lading connect NAME" takes one that exists).',
    })
  }
}
