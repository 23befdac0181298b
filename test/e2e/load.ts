import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { LoadOptions } from './load/options.ts'
import type { Reply, Request } from './load/process.ts'
import type { LoadReport } from './load/report.ts'

/** An open-loop load in a process of its own. It never waits for a slow answer before it sends the next request. */
export class Load {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves when the first requests are on their way. */
  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load(fork(join(import.meta.dirname, 'load/process.ts'), { execArgv: [] }))
    await load.#ask({ ask: 'start', options })
    return load
  }

  /** The numbers so far. */
  async report(): Promise<LoadReport> {
    return this.#ask({ ask: 'report' })
  }

  /** Sends no more, waits until every request has been answered or has failed, and gives the numbers. */
  async stop(): Promise<LoadReport> {
    const exited = once(this.#child, 'exit')
    const report = await this.#ask({ ask: 'stop' })
    await exited
    return report
  }

  /** Ends it without a report, if it was not stopped. */
  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }

  async #ask(request: Request): Promise<LoadReport> {
    const gone = new AbortController()
    const exit = once(this.#child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`the load generator exited ${code}`)
    })
    const reply = once(this.#child, 'message', { signal: gone.signal }) as Promise<[Reply]>
    this.#child.send(request)
    try {
      return (await Promise.race([reply, exit]))[0].report
    } finally {
      gone.abort()
      await Promise.allSettled([reply, exit])
    }
  }
}

const usage =
  'load.ts --connect ADDRESS:PORT --host HOST [--path /] [--rate 2000] [--seconds 10] [--close] [--websockets N]'

/** By hand: a load for some seconds, and its report as JSON. Exits 1 when a request failed. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      connect: { type: 'string' },
      host: { type: 'string' },
      path: { type: 'string', default: '/' },
      rate: { type: 'string', default: '2000' },
      seconds: { type: 'string', default: '10' },
      close: { type: 'boolean', default: false },
      websockets: { type: 'string' },
    },
  })
  const [address, port] = values.connect?.split(':') ?? []
  if (!address || !values.host) throw new Error(usage)
  const to = { host: values.host, path: values.path }
  const requests = {
    kind: 'requests',
    name: 'requests',
    rate: Number(values.rate),
    keepAlive: !values.close,
    ...to,
  } as const
  const count = Number(values.websockets ?? 0)
  const sockets = count > 0 ? [{ kind: 'websockets', name: 'websockets', count, ...to } as const] : []
  const load = await Load.start({ connect: { address, port: Number(port ?? 80) }, streams: [requests, ...sockets] })
  await pause(Number(values.seconds) * 1000)
  const report = await load.stop()
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  process.exitCode = report.streams.some(stream => stream.failed > 0) ? 1 : 0
}

if (import.meta.main) await main()
