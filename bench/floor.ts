import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import type { Site } from './site.ts'

const scripts = '/opt/lading/bench/floor'
const folder = '/root/bench/floor'

/** What plain git and docker need on the same host, with the same registry and the same app (bench/floor). */
export class Floor implements AsyncDisposable {
  readonly #site: Site
  readonly #closeForwarder: () => Promise<void>
  readonly #address: string
  #image = ''
  #port = 20_000

  private constructor(site: Site, address: string, closeForwarder: () => Promise<void>) {
    this.#site = site
    this.#address = address
    this.#closeForwarder = closeForwarder
  }

  static async open(site: Site): Promise<Floor> {
    const { host } = site
    await host.run(['mkdir', '-p', '/root/bench'])
    await host.run(['cp', '-rT', '/opt/lading/bench/apps/hello', folder])
    await host.run([`${scripts}/prepare.sh`, folder, (await site.nodeImage()).replace(':5443/', ':5000/')])
    const forwarder = await host.spawn(['node', `${scripts}/door.mjs`])
    await once(forwarder.stdout!, 'data')
    const exited = once(forwarder, 'exit')
    const close = async (): Promise<void> => {
      process.kill(-forwarder.pid!, 'SIGTERM')
      await exited
    }
    return new Floor(site, await site.decision('clusterAddress'), close)
  }

  /** Milliseconds from `git push` to the first answer of the new version. What ran for it is gone afterwards. */
  async push(version: string): Promise<number> {
    const { host } = this.#site
    await writeFile(await host.path(`${folder}/VERSION`), `${version}\n`)
    const identity = ['-c', 'user.name=floor', '-c', 'user.email=floor@localhost']
    await host.run(['git', ...identity, 'commit', '-qam', version], { cwd: folder })
    const script = [`${scripts}/push.sh`, folder, version, this.#address, String(this.#port++)]
    const elapsed = await this.#untilSaid('answered', script)
    this.#image = `127.0.0.1:5000/floor/app:${version}`
    await this.#remove(`floor-${version}`)
    return elapsed
  }

  /** Milliseconds from `docker service create` of an image that is there to its container running. */
  async create(name: string): Promise<number> {
    if (this.#image === '') await this.push(`${name}-image`)
    const elapsed = await this.#untilSaid('running', [`${scripts}/create.sh`, this.#image, name])
    await this.#remove(name)
    return elapsed
  }

  /** The script's end is not measured, only its word. */
  async #untilSaid(word: string, argv: readonly string[]): Promise<number> {
    const begin = performance.now()
    let said: number | null = null
    const onOutput = (text: string): void => {
      if (text.includes(word)) said ??= performance.now() - begin
    }
    await this.#site.host.run(argv, { onOutput })
    if (said === null) throw new Error(`${argv.join(' ')} never said "${word}"`)
    return said
  }

  async #remove(service: string): Promise<void> {
    const { host } = this.#site
    const running = await host.run(['docker', 'ps', '-q', '--filter', `name=^${service}\\.`])
    await host.run(['docker', 'service', 'rm', service])
    for (const id of running.split('\n').filter(Boolean)) await host.exec(['docker', 'wait', id])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeForwarder()
  }
}
