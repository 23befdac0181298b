import { spawn } from 'node:child_process'
import { AppError } from '../../core/errors.ts'
import type { DomainName } from '../../core/names.ts'
import { Secret } from '../../core/secret.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import type { EdgePaths } from './files.ts'
import type { Runtime } from './runtime.ts'

/** 443 binds from the first start: with a certificate that no one trusts, until the platform's CA gives better ones. */
export async function ensureDefaultCertificate(paths: EdgePaths): Promise<void> {
  const path = paths.certificate('default')
  if ((await readIfThere(path)) !== null) return
  await writeWhole(path, (await selfSigned('lading')).reveal(), 0o600)
}

/** Key and certificate in one PEM text, signed by no one. */
export async function selfSigned(commonName: string): Promise<Secret> {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-days', '3650', '-subj', `/CN=${commonName}`]
  return new Secret(await output('openssl', [...args, ...name, '-keyout', '-', '-out', '-']))
}

/** Blocks of a PEM text, without anything between them: a blank line would end the runtime command's payload. */
export function pemBlocks(pem: Secret): string {
  const blocks = pem.reveal().match(/-----BEGIN [A-Z0-9 ]+-----[A-Za-z0-9+/=\s]+-----END [A-Z0-9 ]+-----/g) ?? []
  const text = blocks.map(block => `${block.replaceAll(/\s*\n\s*/g, '\n').trim()}\n`).join('')
  if (!text.includes('PRIVATE KEY-----') || !text.includes('BEGIN CERTIFICATE-----')) {
    throw new AppError('invalid-input', 'a certificate needs the chain and the private key in one PEM text')
  }
  return text
}

/**
 * Puts a certificate into the running HAProxy, whatever of it an earlier try has put there: HAProxy is asked, not remembered.
 * A transaction that was left open belongs to no one, and would refuse every other host's.
 */
export async function loadCertificate(options: {
  readonly runtime: Runtime
  readonly paths: EdgePaths
  readonly host: DomainName
  readonly pem: string
}): Promise<void> {
  const { runtime, paths, host, pem } = options
  const path = paths.certificate(host)
  const loaded = (await runtime.ask('show ssl cert')).split('\n').map(line => line.trim())
  for (const left of loaded.filter(line => line.startsWith('*'))) {
    await said(runtime, `abort ssl cert ${left.slice(1)}`, /aborted/)
  }
  if (!loaded.includes(path)) await said(runtime, `new ssl cert ${path}`, /New empty/)
  await said(runtime, `set ssl cert ${path} <<\n${pem}\n`, /Transaction (created|updated)/)
  await said(runtime, `commit ssl cert ${path}`, /Success!/)
  const list = (await runtime.ask(`show ssl crt-list ${paths.certificateList}`)).split('\n')
  if (list.some(line => line.split(' ')[0] === path)) return
  await said(runtime, `add ssl crt-list ${paths.certificateList} <<\n${path} ${host}\n\n`, /Success!/)
}

/** Takes it out of the running HAProxy; what is not there is no error. Connections that were made with it go on. */
export async function unloadCertificate(runtime: Runtime, paths: EdgePaths, host: DomainName): Promise<void> {
  const path = paths.certificate(host)
  const list = (await runtime.ask(`show ssl crt-list ${paths.certificateList}`)).split('\n')
  if (list.some(line => line.split(' ')[0] === path))
    await said(runtime, `del ssl crt-list ${paths.certificateList} ${path}`, /deleted/)
  const loaded = (await runtime.ask('show ssl cert')).split('\n').map(line => line.trim())
  if (loaded.includes(path)) await said(runtime, `del ssl cert ${path}`, /deleted/)
}

async function said(runtime: Runtime, command: string, expected: RegExp): Promise<void> {
  const answer = await runtime.ask(command)
  if (expected.test(answer)) return
  throw new AppError('invalid-input', `HAProxy refused the certificate: ${answer.trim()}`)
}

async function output(file: string, args: readonly string[]): Promise<string> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new AppError('internal', `${file} exited with ${code}`, { details: err.join('').split('\n') })
  return out.join('')
}
