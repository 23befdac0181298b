import { installed, type Platform } from '../test/e2e/host.ts'
import { eventually } from '../test/rig/eventually.ts'
import type { Host } from '../test/rig/host.ts'
import { Rig } from '../test/rig/rig.ts'
import { BenchApp, type AppOptions } from './app.ts'

const DOMAIN = 'bench.localhost'

/** The platform as a user has it: one fresh host, `./lading up`, nothing else. */
export class Site {
  readonly platform: Platform
  #apps = 0

  constructor(platform: Platform) {
    this.platform = platform
  }

  get host(): Host {
    return this.platform.host
  }

  /** Where the edge listens, from the machine outside. */
  get edge(): { readonly address: string; readonly port: number } {
    return { address: this.host.address, port: 80 }
  }

  /** A new app in a folder of its own, with the git remote `lading`, and nothing pushed yet. */
  async app(options: AppOptions): Promise<BenchApp> {
    const name = `${options.name}-${Date.now().toString(36)}${this.#apps++}`
    return BenchApp.create(this, { ...options, name })
  }

  /** A value of what `lading up` decided. */
  async decision(name: 'clusterAddress'): Promise<string> {
    const text = await this.host.run(['cat', '/etc/lading/install.json'])
    return (JSON.parse(text) as Record<typeof name, string>)[name]
  }

  /** The image that Node apps stand on, as it lies in the platform's registry. */
  async nodeImage(): Promise<string> {
    const text = await this.host.run(['cat', '/etc/lading/install.json'])
    const { images } = JSON.parse(text) as { images: Record<string, { digest: string }> }
    return `127.0.0.1:5443/lading/node@${images['node']!.digest}`
  }

  /** Containers of an app that run. */
  async containers(app: string): Promise<readonly string[]> {
    const list = await this.host.run(['docker', 'ps', '-q', '--filter', `label=lading.app=${app}`])
    return list.split('\n').filter(Boolean)
  }
}

interface SiteOptions {
  readonly say: (line: string) => void
  /** The host stays for the next run, which then finds it installed. */
  readonly keepHost: boolean
  readonly signal: AbortSignal
}

/** One host for all benches of a run, made when the first asks. */
export class SiteOnDemand implements AsyncDisposable {
  readonly #options: SiteOptions
  readonly #rig: Rig
  #site: Promise<Site> | null = null
  #facts: Record<string, string> = {}

  constructor(options: SiteOptions) {
    this.#options = options
    this.#rig = new Rig({ name: 'bench', say: options.say })
  }

  async get(): Promise<Site> {
    this.#site ??= this.#install()
    return this.#site
  }

  facts(): Readonly<Record<string, string>> {
    return this.#facts
  }

  async #install(): Promise<Site> {
    const { say, keepHost, signal } = this.#options
    if (!keepHost) await this.#rig.down()
    const host = await this.#rig.up({ name: 'one', debian: 'trixie', variant: 'bare' })
    say(`./lading up on ${host.name} (${host.address})`)
    const args = ['--domain', DOMAIN, '--no-hello']
    const platform = await installed(host, { args, say: text => say(text.trimEnd()) })
    signal.throwIfAborted()
    const site = new Site(platform)
    await eventually('the platform answers', () => platform.json(['apps']))
    this.#facts = await versions(host)
    return site
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#site !== null && !this.#options.keepHost) await this.#rig.down()
  }
}

async function versions(host: Host): Promise<Record<string, string>> {
  const keeper = await host.run(['docker', 'ps', '-q', '--filter', 'name=lading-keeper'])
  const haproxy = await host.run(['docker', 'exec', keeper.split('\n')[0]!, 'haproxy', '-v'])
  return {
    'host under test': `Debian ${await host.run(['cat', '/etc/debian_version'])}`,
    engine: await host.run(['docker', 'version', '-f', '{{.Server.Version}}']),
    haproxy: /version (\S+)/.exec(haproxy)?.[1] ?? 'unknown',
  }
}
