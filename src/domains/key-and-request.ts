import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { DomainName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'

/** A new key (ECDSA P-256, PEM): for an account, or for a certificate, each time a new one. */
export function newKey(): Secret {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return new Secret(String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
}

/**
 * A new key for a certificate (PEM), and the request for it (PKCS#10, DER) in base64url, as ACME takes it. OpenSSL makes both
 * and writes them to its stdout alone.
 */
export async function newRequest(name: DomainName, signal: AbortSignal): Promise<{ key: Secret; csr: string }> {
  const argv = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-sha256']
  argv.push('-subj', '/', '-addext', `subjectAltName=DNS:${name}`, '-keyout', '-', '-out', '-')
  const child = spawn('openssl', argv, { stdio: ['ignore', 'pipe', 'pipe'], signal })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [key] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(out) ?? []
  const [, request] = /-----BEGIN CERTIFICATE REQUEST-----([^-]+)-----END/.exec(out) ?? []
  if (code !== 0 || key === undefined || request === undefined) {
    throw new AppError('internal', `openssl req exited with ${code}`, { details: err.trim().split('\n') })
  }
  return { key: new Secret(`${key}\n`), csr: Buffer.from(request, 'base64').toString('base64url') }
}
