import { createHash, type X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { AppError } from '../../core/errors.ts'
import type { Session } from '../session.ts'

const answerMs = 10_000

/**
 * The platform's own CA (PEM), taken over the network and trusted because its fingerprint is the one that "lading up" has
 * shown: given, or confirmed at a terminal. Nothing secret was sent before. Null: everybody trusts this platform, and there
 * is nothing to pin. Rejects `not-allowed` when the fingerprint is another one.
 */
export async function pinnedCa(session: Session, url: string, expected: string | null): Promise<string | null> {
  const { isTrusted, ca } = await chainAt(url, session.signal)
  if (isTrusted && expected === null) return null
  const fingerprint = fingerprintOf(ca)
  if (expected !== null) {
    if (plain(expected) === plain(fingerprint)) return ca.toString()
    throw new AppError('not-allowed', `the CA of ${url} is another one: its fingerprint is ${fingerprint}`, {
      hint: 'No token was sent. The connection may be intercepted, or the CA was replaced: "lading up" on the server shows its fingerprint.',
    })
  }
  if (await isConfirmed(session, fingerprint)) return ca.toString()
  throw new AppError('not-allowed', `the certificate of ${url} is of a CA that is not trusted here`, {
    hint: `Is its fingerprint the one that "lading up" showed on the server? Then: lading login ${url} --fingerprint ${fingerprint}`,
  })
}

/** As OpenSSL and browsers write it: SHA-256, pairs of hex digits with colons. */
function fingerprintOf(certificate: X509Certificate): string {
  const hex = createHash('sha256').update(certificate.raw).digest('hex').toUpperCase()
  return (hex.match(/../g) ?? []).join(':')
}

function plain(fingerprint: string): string {
  return fingerprint
    .replace(/^sha-?256[:=]/i, '')
    .replaceAll(/[: ]/g, '')
    .toLowerCase()
}

/** Whether the certificate that is shown is trusted here anyway, and the last of its chain. */
function chainAt(url: string, signal: AbortSignal): Promise<{ isTrusted: boolean; ca: X509Certificate }> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const servername = /^[\d.]+$|:/.test(host) ? '' : host
    // Looked at only: no byte is sent over it.
    const socket = connect({ host, port: Number(port || 443), servername, rejectUnauthorized: false })
    const fail = (cause: Error) => {
      socket.destroy()
      const hint = 'Is the server up, and is this its address?'
      reject(new AppError('unavailable', `no answer from ${url} (${cause.message})`, { hint, cause, retryable: true }))
    }
    socket.setTimeout(answerMs, () => fail(new Error(`no answer within ${answerMs / 1000} s`)))
    socket.once('error', fail)
    signal.addEventListener('abort', () => socket.destroy(signal.reason as Error), { once: true })
    socket.once('secureConnect', () => {
      let last = socket.getPeerX509Certificate()
      for (let next = last?.issuerCertificate; next && next !== last; next = last?.issuerCertificate) last = next
      const isTrusted = socket.authorized
      socket.destroy()
      if (last) resolve({ isTrusted, ca: last })
      else fail(new Error('it shows no certificate'))
    })
  })
}

async function isConfirmed({ stdin, terminal, signal }: Session, fingerprint: string): Promise<boolean> {
  if (!stdin.isTTY) return false
  terminal.say(`The platform's CA is its own. Its fingerprint (SHA-256):\n  ${fingerprint}`)
  const question = 'Is it the one that "lading up" showed on the server? Type yes: '
  return (await terminal.ask(question, stdin, signal)).toLowerCase() === 'yes'
}
