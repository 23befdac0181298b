import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
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
export class BenchApp {
  readonly name: string
  readonly folder: string
  readonly #site: Site
  readonly #agent = new http.Agent({ keepAlive: true })

  private constructor(site: Site, name: string) {
    this.#site = site
    this.name = name
    this.folder = `/root/bench/${name}`
  }

  static async create(site: Site, { name, source, dockerfile, files = {} }: AppOptions): Promise<BenchApp> {
    const app = new BenchApp(site, name)
    const { host } = site
    await host.run(['mkdir', '-p', '/root/bench'])
    await host.run(['cp', '-r', `${apps}/${source}`, app.folder])
    if (dockerfile !== undefined) await host.run(['cp', `${apps}/${dockerfile}`, `${app.folder}/Dockerfile`])
    for (const [path, text] of Object.entries(files)) await app.write(path, text)
    await app.git(['init', '-q', '-b', 'main'])
    await site.lading(['create', name], app.folder)
    return app
  }

  get hostName(): string {
    return `${this.name}.${this.#site.domain}`
  }

  async write(path: string, text: string): Promise<void> {
    await writeFile(await this.#site.host.path(`${this.folder}/${path}`), text)
  }

  async git(args: readonly string[]): Promise<string> {
    const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost']
    return this.#site.host.run(['git', ...identity, ...args], { cwd: this.folder })
  }

  /** A commit that changes the code, and nothing but it: the app answers this version. Gives its id. */
  async commit(version: string): Promise<string> {
    await this.write('VERSION', `${version}\n`)
    await this.git(['add', '--all'])
    await this.git(['commit', '-q', '-m', version])
    return this.git(['rev-parse', 'HEAD'])
  }

  /** Resolves when git says so, that is when the release is live; rejects with what the push said otherwise. */
  async push(...refs: readonly string[]): Promise<void> {
    await this.git(['push', '-q', 'lading', ...(refs.length > 0 ? refs : ['main'])])
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

  async lading(...args: readonly string[]): Promise<string> {
    return this.#site.lading(args, this.folder)
  }

  /** Starts `act` and gives the milliseconds until the app's front answers `version`; `act` must succeed too. */
  async until(version: string, act: () => Promise<unknown>): Promise<number> {
    const begin = performance.now()
    const acting = act()
    const answered = this.#answers(version).then(() => performance.now() - begin)
    const [, elapsed] = await Promise.all([acting, answered])
    return elapsed
  }

  async #answers(version: string): Promise<void> {
    const deadline = performance.now() + ANSWER_MS
    for (let last = ''; last !== version; last = await this.#ask()) {
      if (performance.now() > deadline) throw new Error(`${this.name} still answers ${JSON.stringify(last)}`)
      await pause(POLL_MS)
    }
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
