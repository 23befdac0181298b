import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { parseDomainName, type DomainName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { ifMissing, readIfThere } from '../lib/files.ts'

const run = promisify(execFile)

/** Browsers refuse certificates that are valid for longer (CA/Browser Forum baseline requirements, 6.3.2). */
const validDays = 397
/** Beside a host's file while it is made; left over after a crash. */
const parts = ['.key', '.crt', '.new']
const renewBeforeMs = 30 * 24 * 60 * 60 * 1000

/**
 * The platform's own certificate authority: makes one certificate per host and keeps it beside the CA. It speaks to
 * OpenSSL, which every image of ours carries; keys are written by it into files of mode 0600 and never enter an argv.
 */
export class Authority {
  readonly #folder: string
  readonly #clock: Clock

  /** `folder` holds `ca.pem` and `ca.key`, made by `lading up`. */
  constructor(folder: string, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  /** Certificate, CA and key in one PEM text, as HAProxy reads it; made again when it ends within 30 days. */
  async certificate(host: DomainName, signal: AbortSignal): Promise<Secret> {
    const path = this.#path(host)
    const present = await readIfThere(path)
    if (present !== null && this.#holds(present)) return new Secret(present)
    return this.#issue(host, path, signal)
  }

  /** Every host that it keeps a certificate of. */
  async hosts(): Promise<readonly DomainName[]> {
    const files = await readdir(join(this.#folder, 'hosts')).catch(ifMissing([]))
    return [...new Set(files.map(file => file.replace(/\.pem(\.key|\.crt|\.new)?$/, '').replace(/^_/, '*')))].map(
      parseDomainName,
    )
  }

  /** Certificate and key of a host that no one has any more; no error when there are none. */
  async forget(host: DomainName): Promise<void> {
    const path = this.#path(host)
    await Promise.all([path, ...parts.map(part => path + part)].map(file => rm(file, { force: true })))
  }

  #path(host: DomainName): string {
    return join(this.#folder, 'hosts', `${host.replace('*', '_')}.pem`)
  }

  #holds(pem: string): boolean {
    return Date.parse(new X509Certificate(pem).validTo) - this.#clock.now() > renewBeforeMs
  }

  async #issue(host: DomainName, path: string, signal: AbortSignal): Promise<Secret> {
    await mkdir(join(this.#folder, 'hosts'), { recursive: true, mode: 0o700 })
    const ca = join(this.#folder, 'ca.pem')
    const keyFile = `${path}.key`
    const argv = ['req', '-x509', '-CA', ca, '-CAkey', join(this.#folder, 'ca.key'), '-newkey', 'ec']
    argv.push('-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', String(validDays), '-sha256')
    argv.push(
      '-subj',
      '/O=Lading',
      '-addext',
      `subjectAltName=DNS:${host}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    )
    argv.push('-addext', 'extendedKeyUsage=serverAuth', '-keyout', keyFile, '-out', `${path}.crt`)
    await run('openssl', argv, { signal })
    const texts = await Promise.all([`${path}.crt`, ca, keyFile].map(file => readFile(file, 'utf8')))
    const pem = texts.join('')
    await writeFile(`${path}.new`, pem, { mode: 0o600 })
    await rename(`${path}.new`, path)
    // It stands in one place, and goes from there.
    await Promise.all([rm(keyFile), rm(`${path}.crt`)])
    return new Secret(pem)
  }
}
