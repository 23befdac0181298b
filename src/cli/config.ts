import { homedir } from 'node:os'
import { join } from 'node:path'

export type CliConfig = ReturnType<typeof readConfig>

/** The only reader of this root's environment; docs/reference/cli.md has the table. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const { XDG_CONFIG_HOME, NO_COLOR, TERM } = environment
  const text = (name: string) => environment[name] || null
  return Object.freeze({
    /** Where the platform is: `https://lading.example.com`. */
    url: text('LADING_URL'),
    token: text('LADING_TOKEN'),
    /** PEM file of the CA that signed the platform's certificate. */
    caFile: text('LADING_CA'),
    app: text('LADING_APP'),
    /** Root's door, on the server. */
    socket: environment['LADING_SOCKET'] || '/run/lading/control.sock',
    /** What "lading up" wrote, on the server. */
    serverTokenFile: '/etc/lading/token',
    /** `<host>.token` and `<host>.pem` of each platform. */
    folder: join(XDG_CONFIG_HOME || join(homedir(), '.config'), 'lading'),
    /** https://no-color.org */
    hasColor: !NO_COLOR && TERM !== 'dumb',
  })
}
