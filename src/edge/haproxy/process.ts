import { spawn, type ChildProcess } from 'node:child_process'
import { AppError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import { KeptRuntime, Runtime } from './runtime.ts'

export interface StartOptions {
  readonly binary: string
  readonly config: string
  readonly runtimeSocket: string
  /** Runtime socket of the process whose listening sockets are taken over (`-x`); null: none runs. */
  readonly takeFrom: string | null
  readonly log: (line: string) => void
}

/** One HAProxy that we started. It ends by `drain`, `kill` or its own death. */
export class Haproxy {
  readonly pid: number
  readonly runtime: Runtime
  /** Resolves with what is to be said about its end; never rejects. */
  readonly exited: Promise<string>

  private constructor(pid: number, runtime: Runtime, exited: Promise<string>) {
    this.pid = pid
    this.runtime = runtime
    this.exited = exited
  }

  /**
   * Starts HAProxy and resolves when it has its listeners and answers. Rejects `unavailable` with its alerts when it
   * does not come up; the process before it is then untouched.
   */
  static async start(options: StartOptions, clock: Clock): Promise<Haproxy> {
    const take = options.takeFrom === null ? [] : ['-x', options.takeFrom]
    // Not the master-worker mode: reload, restart and hand-over to another keeper are then the same three steps.
    const child = spawn(options.binary, ['-db', '-f', options.config, ...take], { stdio: ['ignore', 'pipe', 'pipe'] })
    const alerts: string[] = []
    follow(child, line => {
      // A lane without processes is nothing to be alarmed about; who serves is told by the views.
      if (!/\[ALERT\]|\[EMERG\]/.test(line) || line.includes('has no server available')) return
      if (alerts.length < 20) alerts.push(line)
      options.log(`haproxy: ${line}`)
    })
    let end: string | null = null
    const exited = new Promise<string>(resolve => {
      const ended = (text: string) => resolve((end = text))
      child.on('error', error => ended(`could not be started: ${error.message}`))
      child.on('exit', (code, signal) => ended(signal ? `killed by ${signal}` : `exited with ${code}`))
    })
    const runtime = new Runtime(options.runtimeSocket)
    const deadline = clock.monotonic() + 30_000
    for (;;) {
      if (end !== null)
        throw new AppError('unavailable', `HAProxy ${String(end)}`, { details: alerts, retryable: true })
      if (await answersAs(runtime, child.pid)) return new Haproxy(child.pid ?? 0, runtime, exited)
      if (clock.monotonic() > deadline) {
        child.kill('SIGKILL')
        throw new AppError('unavailable', 'HAProxy did not answer within 30 s', { details: alerts, retryable: true })
      }
      await clock.sleep(10)
    }
  }
}

async function answersAs(runtime: Runtime, pid: number | undefined): Promise<boolean> {
  try {
    return new RegExp(`^Pid: ${pid}$`, 'm').test(await runtime.ask('show info'))
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable') return false
    throw error
  }
}

function follow(child: ChildProcess, line: (text: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() ?? ''
      parts.forEach(line)
    })
  }
}

/** A HAProxy that another one replaces: ours, or that of a keeper before us. */
export interface Predecessor {
  readonly pid: number
  readonly runtimeSocket: string
}

/** True while this process id is a HAProxy that answers on that socket. */
export async function isRunning(before: Predecessor): Promise<boolean> {
  return answersAs(new Runtime(before.runtimeSocket), before.pid)
}

/** An old HAProxy that serves what it has and gives everything new to the newest one. */
export class Draining {
  readonly pid: number
  readonly #before: Predecessor
  readonly #runtime: KeptRuntime
  #done = false

  private constructor(before: Predecessor, runtime: KeptRuntime) {
    this.pid = before.pid
    this.#before = before
    this.#runtime = runtime
  }

  /** From here on its new requests go to the newest process; then it stops listening. */
  static async begin(before: Predecessor): Promise<Draining> {
    const runtime = await KeptRuntime.open(before.runtimeSocket)
    await runtime.ask('set server lading_next/next state ready')
    process.kill(before.pid, 'SIGUSR1')
    return new Draining(before, runtime)
  }

  get done(): boolean {
    return this.#done
  }

  /** What it still has in its lanes, by backend; nothing once it has ended. */
  async inFlight(): Promise<ReadonlyMap<string, number>> {
    if (this.#done) return new Map()
    try {
      return await this.#runtime.inFlight()
    } catch (error) {
      if (await isRunning(this.#before)) throw error
      this.#done = true
      return new Map()
    }
  }

  /**
   * Resolves when no request is left in a lane. The runtime connection is then closed, so that the process can end as
   * soon as its idle connections do.
   */
  async untilEmpty(clock: Clock): Promise<void> {
    while (!this.#done) {
      const counts = await this.inFlight()
      if ([...counts].every(([backend, count]) => count === 0 || backend.startsWith('lading_'))) break
      await clock.sleep(500)
    }
    this.#done = true
    this.#runtime.close()
  }
}
