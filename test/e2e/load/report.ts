/** Times are milliseconds since the epoch, latencies milliseconds from a request's due time to its last byte. */
export interface StreamReport {
  readonly name: string
  readonly sent: number
  readonly ok: number
  readonly failed: number
  readonly open: number
  /** WebSockets that are held open right now. */
  readonly held: number
  readonly failedBy: Readonly<Record<string, number>>
  /** The first failures, to look at. */
  readonly failures: readonly Failure[]
  readonly latency: Latency
  /** By body of the good answers: which version answered, and when. */
  readonly answers: readonly Answers[]
  /** WebSockets that were closed from the other side. They fail by `judgeCuts`, which knows the switches. */
  readonly cuts: readonly Cut[]
}

export interface LoadReport {
  readonly startedAt: number
  readonly endedAt: number
  readonly streams: readonly StreamReport[]
  /** How late the generator itself was at most; more than some 50 ms: the machine is too busy for these numbers. */
  readonly latestMs: number
}

export interface Failure {
  readonly at: number
  readonly cause: string
  /** True: the connection had answered before. */
  readonly reused: boolean
}

export interface Latency {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

export interface Answers {
  readonly body: string
  readonly count: number
  readonly firstSentAt: number
  readonly lastSentAt: number
  readonly firstAnsweredAt: number
}

export interface Cut {
  readonly openedAt: number
  readonly cutAt: number
  /** The close code; null: no close frame. */
  readonly code: number | null
  /** What the connection said at its opening: the version that served it. */
  readonly hello: string
}

const KEPT_FAILURES = 50
const KEPT_BODIES = 500
const BODY_LENGTH = 200

/** Counts one stream's requests. */
export class Tally {
  readonly #name: string
  #sent = 0
  #ok = 0
  #failed = 0
  #held = 0
  readonly #failedBy = new Map<string, number>()
  readonly #failures: Failure[] = []
  readonly #latencies: number[] = []
  readonly #answers = new Map<string, { -readonly [K in keyof Answers]: Answers[K] }>()
  readonly #cuts: Cut[] = []

  constructor(name: string) {
    this.#name = name
  }

  sent(): void {
    this.#sent++
  }

  ok(times: { due: number; sent: number; answered: number }, body: string): void {
    this.#ok++
    this.#latencies.push(times.answered - times.due)
    const short = body.trim().slice(0, BODY_LENGTH)
    const key = this.#answers.has(short) || this.#answers.size < KEPT_BODIES ? short : '(other)'
    const seen = this.#answers.get(key)
    if (!seen) {
      const first = { body: key, count: 1, firstSentAt: times.sent, lastSentAt: times.sent }
      this.#answers.set(key, { ...first, firstAnsweredAt: times.answered })
      return
    }
    seen.count++
    seen.firstSentAt = Math.min(seen.firstSentAt, times.sent)
    seen.lastSentAt = Math.max(seen.lastSentAt, times.sent)
  }

  failed(cause: string, at: number, reused = false): void {
    this.#failed++
    this.#failedBy.set(cause, (this.#failedBy.get(cause) ?? 0) + 1)
    if (this.#failures.length < KEPT_FAILURES) this.#failures.push({ at, cause, reused })
  }

  /** A WebSocket was opened (1), or is no longer held (-1). */
  hold(change: 1 | -1): void {
    this.#held += change
  }

  cut(cut: Cut): void {
    this.#cuts.push(cut)
  }

  get open(): number {
    return this.#sent - this.#ok - this.#failed
  }

  report(): StreamReport {
    return {
      name: this.#name,
      sent: this.#sent,
      ok: this.#ok,
      failed: this.#failed,
      open: this.open,
      held: this.#held,
      failedBy: Object.fromEntries(this.#failedBy),
      failures: [...this.#failures],
      latency: latency(this.#latencies),
      answers: [...this.#answers.values()],
      cuts: [...this.#cuts],
    }
  }
}

function latency(values: readonly number[]): Latency {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

/** Now, as the report counts time: monotonic within a process, comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/**
 * The cuts that count as failures: a WebSocket may be cut only when a switch took its release out of service at least
 * `drainMs` before. `switches` are the times at which traffic moved.
 */
export function judgeCuts(report: StreamReport, switches: readonly number[], drainMs: number): readonly Cut[] {
  return report.cuts.filter(cut => !switches.some(at => at >= cut.openedAt && cut.cutAt - at >= drainMs))
}
