import type { LoadOptions, Stream } from './options.ts'
import { now, Tally, type LoadReport } from './report.ts'
import { Requests, Uploads } from './requests.ts'
import { WebSockets } from './websockets.ts'

/** Runs in a process of its own (load/process.ts), so that the tests' own work does not delay it. */
export class Generator {
  readonly #startedAt = now()
  readonly #tallies: Tally[] = []
  readonly #sources: Source[] = []
  readonly #sockets: WebSockets[] = []
  #latestMs = 0
  #ticker: NodeJS.Timeout | undefined

  constructor(options: LoadOptions) {
    for (const stream of options.streams) this.#add(options, stream)
  }

  #add(options: LoadOptions, stream: Stream): void {
    const tally = new Tally(stream.name)
    this.#tallies.push(tally)
    if (stream.kind === 'websockets') {
      this.#sockets.push(new WebSockets(options, stream, tally))
      return
    }
    const sender =
      stream.kind === 'requests' ? new Requests(options, stream, tally) : new Uploads(options, stream, tally)
    this.#sources.push(new Source(stream.rate, due => sender.send(due)))
  }

  start(): void {
    for (const socket of this.#sockets) socket.start()
    const begin = performance.now()
    const tick = (): void => {
      for (const source of this.#sources) this.#latestMs = Math.max(this.#latestMs, source.sendDue(begin))
      this.#ticker = setTimeout(tick, 1)
    }
    tick()
  }

  /** Sends no more. What is open goes on; `open` says how much that is. */
  stop(): void {
    clearTimeout(this.#ticker)
    for (const socket of this.#sockets) socket.stop()
  }

  /** Requests and WebSockets without an end so far. */
  get open(): number {
    return this.#tallies.reduce((sum, tally) => sum + tally.open, 0)
  }

  report(): LoadReport {
    const streams = this.#tallies.map(tally => tally.report())
    return { startedAt: this.#startedAt, endedAt: now(), streams, latestMs: this.#latestMs }
  }
}

/** A fixed arrival rate: request n is due at n/rate, whatever became of the ones before. */
class Source {
  readonly #everyMs: number
  readonly #send: (due: number) => void
  #next = 0

  constructor(rate: number, send: (due: number) => void) {
    this.#everyMs = 1000 / rate
    this.#send = send
  }

  /** Sends all that are due and gives how late the first of them was (ms). */
  sendDue(begin: number): number {
    const elapsed = performance.now() - begin
    const late = elapsed - this.#next * this.#everyMs
    for (; this.#next * this.#everyMs <= elapsed; this.#next++)
      this.#send(performance.timeOrigin + begin + this.#next * this.#everyMs)
    return Math.max(0, late)
  }
}
