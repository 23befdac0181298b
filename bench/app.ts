import { once } from 'node:events'
import http from 'node:http'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { App } from '../test/e2e/host.ts'
import { eventually } from '../test/rig/eventually.ts'
import type { Site } from './site.ts'

export interface AppOptions {
  /** Beginning of the app's name. */
  readonly name: string
  /** A folder of bench/apps. */
  readonly source: 'hello' | 'tiny' | 'hungry'
  /** Built by this Dockerfile of bench/apps; null: by the source's own, or by the Node stack. */
  readonly dockerfile?: string
  /** Written over the source's files. */
  readonly files?: Readonly<Record<string, string>>
}

const apps = '/opt/lading/bench/apps'
const POLL_MS = 10
/** Nothing takes so long that is not broken. */
const ANSWER_MS = 120_000

/** One app on the site: its repository on the host, and its front as a visitor sees it. */
export class BenchApp extends App {
  readonly #site: Site
  /** Why questions of `until` were not answered, one for each. */
  readonly lost: string[] = []
  readonly #agent = new http.Agent({ keepAlive: true })

  private constructor(site: Site, name: string) {
    super(site.platform, name)
    this.#site = site
  }

  static async create(site: Site, { name, source, dockerfile, files = {} }: AppOptions): Promise<BenchApp> {
    const app = new BenchApp(site, name)
    const { host } = site
    await host.run(['mkdir', '-p', '/root/apps'])
    await host.run(['cp', '-r', `${apps}/${source}`, app.folder])
    if (dockerfile !== undefined) await host.run(['cp', `${apps}/${dockerfile}`, `${app.folder}/Dockerfile`])
    for (const [path, text] of Object.entries(files)) await app.write(path, text)
    await app.git(['init', '--quiet', '--initial-branch=main'])
    await app.git(['config', 'user.name', 'Bench'])
    await app.git(['config', 'user.email', 'bench@example.com'])
    await app.lading(['create', name])
    return app
  }

  /** A commit that changes the code, and nothing but it: the app answers this version. Gives its id. */
  override async commitVersion(version: string): Promise<string> {
    await this.write('VERSION', `${version}\n`)
    return this.commit(version)
  }

  /** A push that must succeed: it ends when git says so, that is when the release is live. */
  async deploy(argv: readonly string[] = ['main']): Promise<void> {
    const { code, stderr } = await this.push(argv)
    if (code !== 0) throw new Error(`git push exited ${code}\n${stderr}`)
  }

  /** Starts a push and resolves when its output says `word`, with a function that ends it as ctrl-C does. */
  async pushing(word: string): Promise<() => Promise<void>> {
    const child = await this.#site.host.spawn(['git', 'push', 'lading', 'main'], { cwd: this.folder })
    const exited = once(child, 'exit')
    const said = new Promise<void>(resolve => {
      let text = ''
      child.stdout?.resume()
      child.stderr?.setEncoding('utf8').on('data', (more: string) => {
        text += more
        if (text.includes(word)) resolve()
      })
    })
    const first = await Promise.race([said, exited])
    if (first !== undefined) throw new Error(`the push ended before it said "${word}"`)
    return async () => {
      // Its process group: git runs in the host's pid namespace, below two others.
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT')
      await exited
    }
  }

  /** Starts `act` and gives the milliseconds until the app's front answers `version`; `act` must succeed too. */
  async until(version: string, act: () => Promise<unknown>): Promise<number> {
    const begin = performance.now()
    const acting = act()
    const answered = this.#untilAnswer(version).then(() => performance.now() - begin)
    const [, elapsed] = await Promise.all([acting, answered])
    return elapsed
  }

  async #untilAnswer(version: string): Promise<void> {
    const deadline = performance.now() + ANSWER_MS
    for (let last = ''; last !== version; last = await this.#ask().catch(error => this.#note(error))) {
      if (performance.now() > deadline) throw new Error(`${this.name} still answers ${JSON.stringify(last)}`)
      await pause(POLL_MS)
    }
  }

  /** A question without an answer is a lost request: it is counted, and asked again. */
  #note(error: unknown): string {
    const cause = error instanceof Error ? error.message : String(error)
    this.lost.push(cause)
    return cause
  }

  #ask(): Promise<string> {
    const { address: host, port } = this.#site.edge
    return new Promise((resolve, reject) => {
      const headers = { host: this.hostName }
      const request = http.get({ host, port, headers, agent: this.#agent }, response => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () => resolve(body)).on('error', reject)
      })
      request.on('error', reject)
    })
  }

  /** Resolves when only the serving release runs: nothing of this app is warm, draining or starting. */
  async rested(): Promise<void> {
    await eventually(`only one container of ${this.name} runs`, async () => {
      return (await this.#site.containers(this.name)).length === 1
    })
  }
}
