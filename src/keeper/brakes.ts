import type { Duplex } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import { defaults } from '../core/defaults.ts'
import { asAppError } from '../core/errors.ts'
import type { DockerHttp } from '../docker/http.ts'

export interface BrakesOptions {
  readonly engine: Pick<DockerHttp, 'upgrade'>
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** Until when what was read is paid for, and how long nothing was there to read (monotonic, ms). */
interface Pace {
  freeAt: number
  idle: number
}

/** As many as the log follower keeps, so that of what is slowed nothing is left out. */
const linesPerSecond = defaults.logLinesPerSecond
/** Long lines count as several: 2.5 MB a second at most. */
const bytesOfLine = 256
/** A container for whose output was waited for longer than this share of a look prints slowly again, and is let go. */
const calmShare = 0.2
const lookMs = 5_000
/** Each holds 1 MB in the engine and a connection here. */
const mostAtOnce = 64

/**
 * Slows containers that print without end. An engine gives what a container prints to everybody who is attached, and waits for the
 * slowest: one who reads 10,000 lines a second makes the container, the engine and the log as slow as that, and no line is lost.
 * When this process goes, so does the brake: nothing of an app ever waits for a keeper that is not there.
 */
export class Brakes {
  readonly #options: BrakesOptions
  readonly #held = new Set<string>()

  constructor(options: BrakesOptions) {
    this.#options = options
  }

  /** Held already, or one too many: nothing happens. Resolves when it is let go; never rejects. */
  async hold(container: string, signal: AbortSignal): Promise<void> {
    if (this.#held.has(container) || this.#held.size >= mostAtOnce) return
    const { engine, clock, log } = this.#options
    const own = new AbortController()
    this.#held.add(container)
    try {
      const query = { stream: true, stdout: true, stderr: true }
      const call = { method: 'POST', path: `/containers/${container}/attach`, query } as const
      const output = await engine.upgrade(call, AbortSignal.any([signal, own.signal]))
      log(`brake: ${container.slice(0, 12)} prints without end and is slowed to ${linesPerSecond} lines a second`)
      const pace = { freeAt: clock.monotonic(), idle: 0 }
      await Promise.race([this.#readSlowly(output, pace), this.#untilCalm(pace, own.signal)])
      log(`brake: ${container.slice(0, 12)} is let go`)
    } catch (error) {
      if (!signal.aborted) log(`brake: ${container.slice(0, 12)}: ${asAppError(error).message}`)
    } finally {
      own.abort()
      this.#held.delete(container)
    }
  }

  async #readSlowly(output: Duplex, pace: Pace): Promise<void> {
    const { clock } = this.#options
    try {
      for await (const chunk of output) {
        const now = clock.monotonic()
        pace.idle += Math.max(0, now - pace.freeAt)
        pace.freeAt = Math.max(pace.freeAt, now) + (linesOf(chunk as Buffer) / linesPerSecond) * 1000
        await clock.sleep(pace.freeAt - now)
      }
    } catch {
      // The engine went, or it was let go.
    }
  }

  async #untilCalm(pace: Pace, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const idle = () => pace.idle + Math.max(0, clock.monotonic() - pace.freeAt)
    for (let before = idle(); ; before = idle()) {
      await clock.sleep(lookMs, signal).catch(() => undefined)
      if (signal.aborted || idle() - before > lookMs * calmShare) return
    }
  }
}

/** Frames of the engine's begin with a length, in which a byte may look like the end of a line: no matter for a pace. */
function linesOf(chunk: Buffer): number {
  let lines = chunk.length / bytesOfLine
  for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++
  return lines
}
