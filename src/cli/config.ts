import { homedir } from 'node:os'
import { join } from 'node:path'

export interface CliConfig {
  /** Where the platform is: `https://lading.example.com`. */
  readonly url: string | null
  /** For the platform that `url` names, and no other. */
  readonly token: string | null
  /** PEM file of the CA that signed the platform's certificate. */
  readonly caFile: string | null
  /** What git itself reads (GIT_SSL_CAINFO). */
  readonly gitCaFile: string | null
  readonly app: string | null
  /** Root's socket, on the server. */
  readonly socket: string
  /** What "lading up" wrote, on the server. */
  readonly serverTokenFile: string
  /** `<origin>.token` and `<origin>.pem` of each platform. */
  readonly folder: string
  /** What `lading config edit` opens. */
  readonly editor: string
  readonly hasColor: boolean
}

/** The only reader of this root's environment; docs/reference/cli.md has the table. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): CliConfig {
  const text = (name: string) => environment[name] || null
  return Object.freeze({
    url: text('LADING_URL'),
    token: text('LADING_TOKEN'),
    caFile: text('LADING_CA'),
    gitCaFile: text('GIT_SSL_CAINFO'),
    app: text('LADING_APP'),
    socket: text('LADING_SOCKET') ?? '/run/lading/control.sock',
    serverTokenFile: join(text('LADING_ETC') ?? '/etc/lading', 'token'),
    folder: join(text('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'lading'),
    editor: text('VISUAL') ?? text('EDITOR') ?? 'vi',
    // https://no-color.org
    hasColor: text('NO_COLOR') === null && text('TERM') !== 'dumb',
  })
}
