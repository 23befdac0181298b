import { spawn, type ChildProcess } from 'node:child_process'
import { AppError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import { LineSplitter } from '../../lib/async/lines.ts'
import type { Counts } from './drains.ts'
import { answerMs, KeptRuntime, Runtime, Unanswered } from './runtime.ts'

export interface StartOptions {
  readonly binary: string
  readonly config: string
  readonly runtimeSocket: string
  /** Runtime socket of the process whose listening sockets are taken over (`-x`); null: none runs. */
  readonly takeFrom: string | null
  readonly log: (line: string) => void
}

/** It reads its configuration and takes the listeners in a second or two (ms). */
const startMs = 30_000
/** What an old process still has is asked for each view, and what it said last holds when it is silent for so long (ms). */
const drainAnswerMs = 1000

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
    const runtime = new Runtime(options.runtimeSocket, clock)
    const deadline = clock.monotonic() + startMs
    for (;;) {
      const left = deadline - clock.monotonic()
      if (end !== null)
        throw new AppError('unavailable', `HAProxy ${String(end)}`, { details: alerts, retryable: true })
      if (left <= 0) {
        child.kill('SIGKILL')
        const what = `HAProxy did not answer within ${startMs / 1000} s of its start`
        throw new AppError('unavailable', what, { details: alerts, retryable: true })
      }
      const answers = await answersAs(runtime, child.pid, Math.min(left, answerMs)).catch(ifUnanswered)
      if (answers) return new Haproxy(child.pid ?? 0, runtime, exited)
      await clock.sleep(10)
    }
  }
}

/** False when nothing listens, or someone else. Rejects as `Unanswered` when something listens and says nothing. */
async function answersAs(runtime: Runtime, pid: number | undefined, ms?: number): Promise<boolean> {
  try {
    return new RegExp(`^Pid: ${pid}$`, 'm').test(await runtime.ask('show info', ms))
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable' && !(error instanceof Unanswered)) return false
    throw error
  }
}

function ifUnanswered(error: unknown): false {
  if (error instanceof Unanswered) return false
  throw error
}

function follow(child: ChildProcess, line: (text: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    const splitter = new LineSplitter()
    stream?.setEncoding('utf8').on('data', (chunk: string) => splitter.push(chunk).forEach(text => line(text)))
  }
}

/** A HAProxy that another one replaces: ours, or that of a keeper before us. */
export interface Predecessor {
  readonly pid: number
  readonly runtimeSocket: string
}

/**
 * True while this process id is a HAProxy that answers on that socket. Rejects as `Unanswered` when it takes the question and
 * is silent: it is not gone, and may serve again at any moment.
 */
export async function isRunning(before: Predecessor, clock: Clock): Promise<boolean> {
  return answersAs(new Runtime(before.runtimeSocket, clock), before.pid)
}

/** An old HAProxy that serves what it has and gives everything new to the newest one. */
export class Draining {
  readonly pid: number
  readonly #before: Predecessor
  readonly #runtime: KeptRuntime
  readonly #clock: Clock
  #last: Counts
  #done = false

  private constructor(options: { before: Predecessor; runtime: KeptRuntime; last: Counts; clock: Clock }) {
    this.pid = options.before.pid
    this.#before = options.before
    this.#runtime = options.runtime
    this.#last = options.last
    this.#clock = options.clock
  }

  /** From here on its new requests go to the newest process; then it stops listening. */
  static async begin(before: Predecessor, clock: Clock): Promise<Draining> {
    const runtime = await KeptRuntime.open(before.runtimeSocket, clock)
    try {
      await runtime.ask('set server lading_next/next state ready')
      const last = await runtime.inFlight()
      process.kill(before.pid, 'SIGUSR1')
      return new Draining({ before, runtime, last, clock })
    } catch (error) {
      runtime.close()
      throw error
    }
  }

  get done(): boolean {
    return this.#done
  }

  /** What it still has in its lanes, by backend; nothing once it has ended. */
  async inFlight(): Promise<Counts> {
    if (this.#done) return new Map()
    try {
      return (this.#last = await this.#runtime.inFlight(drainAnswerMs))
    } catch (error) {
      // A view, and with it a rollout, must not wait for it.
      if (error instanceof Unanswered) return this.#last
      if (await isRunning(this.#before, this.#clock)) throw error
      this.#done = true
      return new Map()
    }
  }

  /**
   * Resolves when no request is left in a lane. The runtime connection is then closed, so that the process can end as
   * soon as its idle connections do.
   */
  async untilEmpty(): Promise<void> {
    while (!this.#done) {
      const counts = await this.inFlight()
      if ([...counts].every(([backend, count]) => count === 0 || backend.startsWith('lading_'))) break
      await this.#clock.sleep(500)
    }
    this.#done = true
    this.#runtime.close()
  }
}
