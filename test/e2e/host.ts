import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import type { ReleaseDocument } from '../../src/api/documents.ts'
import { eventually } from '../rig/eventually.ts'
import type { Host } from '../rig/host.ts'
import type { Outcome, RunOptions } from '../rig/program.ts'
import { loadImages, saveImages } from './images-cache.ts'
import { now } from './load/report.ts'
import { inTurn } from './machine.ts'

const CHECKOUT = '/opt/lading'
const FIXTURES = join(import.meta.dirname, '../fixtures')
const CA = '/etc/lading/ca.pem'

export interface InstallOptions {
  /** For `lading up`. */
  readonly args?: readonly string[]
  /** Hears what it says. */
  readonly say?: (text: string) => void
  readonly env?: Readonly<Record<string, string>>
  /** It trusts whom no other host trusts, and so do its images: no later test can use them. */
  readonly ownCertificates?: boolean
  /** True: images of an earlier test are used, and kept for a later one. False: all as on a user's server. */
  readonly fromCache?: boolean
}

/** Brings the platform up as its owner would. Rejects with all that `lading up` said. */
export async function installed(host: Host, options: InstallOptions = {}): Promise<Platform> {
  const says = options.say ? { onOutput: options.say } : {}
  const env = options.env ? { env: options.env } : {}
  await inTurn(async () => {
    if (options.fromCache) await loadImages(host)
    await host.run([`${CHECKOUT}/lading`, 'up', ...(options.args ?? [])], { cwd: CHECKOUT, ...says, ...env })
    if (!options.ownCertificates) await saveImages(host)
  })
  const facts = JSON.parse(await host.run(['cat', '/etc/lading/install.json'])) as { baseDomain: string }
  return new Platform(host, facts.baseDomain, await host.run(['cat', '/etc/lading/token']))
}

/** One installed platform, used from its own server as root. */
export class Platform {
  readonly host: Host
  readonly domain: string
  readonly token: string

  constructor(host: Host, domain: string, token: string) {
    this.host = host
    this.domain = domain
    this.token = token
  }

  get url(): string {
    return `https://lading.${this.domain}`
  }

  /** The command line, whatever its exit code. */
  async cli(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.host.exec([`${CHECKOUT}/lading`, ...argv], options)
  }

  /** `--json` of a command that must succeed. */
  async json<T>(argv: readonly string[]): Promise<T> {
    return JSON.parse(await this.host.run([`${CHECKOUT}/lading`, ...argv, '--json'])) as T
  }

  /** Power on, and what an init system does then; resolves when the engine answers. */
  async boot(): Promise<void> {
    await this.host.boot()
    await this.host.run([`${CHECKOUT}/lading`, 'boot'])
  }

  /** A git repository in a folder of its own from `test/fixtures/<fixture>`, and `lading create`. */
  async create(name: string, fixture: string): Promise<App> {
    const app = new App(this, name)
    await this.host.run(['mkdir', '-p', app.folder])
    await cp(join(FIXTURES, fixture), await this.host.path(app.folder), { recursive: true })
    await app.git(['init', '--quiet', '--initial-branch=main'])
    await app.git(['config', 'user.name', 'Grace'])
    await app.git(['config', 'user.email', 'grace@example.com'])
    await app.commit('First version')
    await app.lading(['create', name])
    return app
  }

  /** One GET through the edge, from the machine outside, as `host`; null when nothing listens. */
  async get(host: string, path = '/'): Promise<{ status: number; body: string }> {
    const socket = connect({ host: this.host.address, port: 443, servername: host, rejectUnauthorized: false })
    socket.end(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return { status: Number(text.slice(9, 12)), body: text.slice(text.indexOf('\r\n\r\n') + 4) }
  }
}

/** One app's folder on the server, and its remote `lading`. */
export class App {
  readonly platform: Platform
  readonly name: string
  readonly folder: string

  constructor(platform: Platform, name: string) {
    this.platform = platform
    this.name = name
    this.folder = `/root/apps/${name}`
  }

  get hostName(): string {
    return `${this.name}.${this.platform.domain}`
  }

  async git(argv: readonly string[]): Promise<string> {
    return this.platform.host.run(['git', ...argv], { cwd: this.folder })
  }

  /** A command about this app that must succeed; gives its standard output. */
  async lading(argv: readonly string[]): Promise<string> {
    return this.platform.host.run([`${CHECKOUT}/lading`, ...argv], { cwd: this.folder })
  }

  /** Newest first. */
  async releases(): Promise<readonly ReleaseDocument[]> {
    return this.platform.json(['releases', '--app', this.name])
  }

  async write(path: string, text: string): Promise<void> {
    await writeFile(await this.platform.host.path(join(this.folder, path)), text)
  }

  async read(path: string): Promise<string> {
    return readFile(await this.platform.host.path(join(this.folder, path)), 'utf8')
  }

  /** Commits everything in the folder; gives the commit's id. */
  async commit(message: string): Promise<string> {
    await this.git(['add', '--all'])
    await this.git(['commit', '--quiet', '--message', message])
    return this.git(['rev-parse', 'HEAD'])
  }

  /** In place of all its files those of `test/fixtures/<fixture>`; not committed. */
  async become(fixture: string): Promise<void> {
    await this.git(['rm', '--quiet', '-r', '.'])
    await cp(join(FIXTURES, fixture), await this.platform.host.path(this.folder), { recursive: true })
  }

  /** The next version of a fixture that answers its `version.txt`. */
  async commitVersion(version: string): Promise<string> {
    await this.write('version.txt', `${version}\n`)
    return this.commit(`Version ${version}`)
  }

  /** `git push lading main`, whatever becomes of it. */
  async push(argv: readonly string[] = ['main'], options: RunOptions = {}): Promise<Outcome> {
    const env = { GIT_SSL_CAINFO: CA, ...options.env }
    return this.platform.host.exec(['git', 'push', 'lading', ...argv], { ...options, cwd: this.folder, env })
  }

  /** Where the platform's branch is; null when it is not there. */
  async remoteHead(branch = 'main'): Promise<string | null> {
    const env = { GIT_SSL_CAINFO: CA }
    const argv = ['git', 'ls-remote', 'lading', `refs/heads/${branch}`]
    const line = await this.platform.host.run(argv, { cwd: this.folder, env })
    return line.split('\t')[0] || null
  }

  async get(path = '/'): Promise<{ status: number; body: string }> {
    return this.platform.get(this.hostName, path)
  }

  /** Waits until the app answers `body`. */
  async answers(body: string): Promise<void> {
    await eventually(`${this.hostName} answers ${JSON.stringify(body)}`, async () => {
      const answer = await this.get()
      if (answer.status !== 200 || answer.body.trim() !== body) throw new Error(`${answer.status} ${answer.body}`)
      return true
    })
  }
}

/** Waits for a moment of the story, which is told in seconds ("12 s after the deploy"). Times as in load reports. */
export async function until(at: number): Promise<void> {
  await pause(Math.max(0, at - now()))
}
