import { Client } from './client.ts'
import { linesOf } from '../../lib/async/lines.ts'
import { readIfAllowed, readToken } from './places.ts'
import type { Session } from '../session.ts'

/**
 * git's credential helper (gitcredentials(7)): git gives protocol and host by stdin and takes the password from stdout,
 * so the token stands in no URL, no argument and no file of git. On the server root needs no login: the token that
 * "lading up" wrote is given, to the platform of this very server only.
 */
export async function credential(session: Session, operation: string): Promise<void> {
  // Nothing is stored or erased on git's word.
  if (operation !== 'get') return
  const asked = new Map<string, string>()
  for await (const line of linesOf(session.stdin as AsyncIterable<Uint8Array>)) {
    if (line === '') break
    const at = line.indexOf('=')
    if (at > 0) asked.set(line.slice(0, at), line.slice(at + 1))
  }
  const origin = originAsked(asked)
  const token =
    origin === null ? null : ((await readToken(session.config, origin)) ?? (await serverToken(session, origin)))
  if (token !== null) {
    session.terminal.print('username=lading')
    session.terminal.print(`password=${typeof token === 'string' ? token : token.reveal()}`)
    return
  }
  session.terminal.say(
    `lading: there is no token for ${origin ?? 'this address'}. Get one and run: lading login ${origin ?? 'URL'}`,
  )
  // Or git would ask for a user name and a password, which no one has.
  session.terminal.print('quit=1')
}

function originAsked(asked: ReadonlyMap<string, string>): string | null {
  const text = `${asked.get('protocol')}://${asked.get('host')}`
  return URL.canParse(text) ? new URL(text).origin : null
}

async function serverToken({ config, signal }: Session, origin: string): Promise<string | null> {
  const token = await readIfAllowed(config.serverTokenFile)
  if (token === null) return null
  const { url } = await new Client({ kind: 'socket', path: config.socket }, signal).info()
  return new URL(url).origin === origin ? token.trim() : null
}
