import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defaults } from '../core/defaults.ts'
import { environmentId } from '../core/labels.ts'
import type { EnvironmentKey } from '../core/names.ts'
import { Bucket } from './bucket.ts'
import { readWriter, type Writer } from './container.ts'
import type { Logs } from './logs.ts'
import { Tail, type Piece } from './tail.ts'

interface Followed {
  readonly tail: Tail
  readonly bucket: Bucket
  /** When it last had something to read (monotonic, ms). */
  wroteAt: number
  readAt: number
}

/** A log that had nothing for so long is looked at less often (ms). */
const coldMs = 5_000
const coldEveryMs = 1_000
/** The engine writes its record of a container at once; one that is not there after so long never comes (ms). */
const unknownMs = 60_000
const goneKept = 500

/** The logs of all our containers on this node's engine, found by the engine's folder of containers. */
export class Containers {
  readonly #folder: string
  readonly #logs: Logs
  readonly #followed = new Map<string, Followed>()
  /** The last that went: the router tells of a request when it ends. */
  readonly #gone = new Map<string, Writer>()
  /** Not ours, and when they were seen first if that is not known yet. */
  readonly #others = new Map<string, number | null>()

  constructor(folder: string, logs: Logs) {
    this.#folder = folder
    this.#logs = logs
  }

  /** `web.1` and release of a container, also of one that went lately; undefined when it is not known. */
  writerOf(container: string): Writer | undefined {
    return this.#followed.get(container)?.tail.writer ?? this.#gone.get(container)
  }

  has(key: EnvironmentKey): boolean {
    return [...this.#followed.values()].some(({ tail }) => environmentId(tail.writer.key) === environmentId(key))
  }

  /** One was seen whose record is not there yet: what it is must be asked again soon, for it may be gone in half a second. */
  get isPuzzled(): boolean {
    return [...this.#others.values()].some(since => since !== null)
  }

  /** Containers that came and went since the last time. @param now monotonic (ms) */
  discover(now: number): void {
    const present = new Set(readdirSync(this.#folder).filter(name => /^[0-9a-f]{64}$/.test(name)))
    for (const id of this.#others.keys()) if (!present.has(id)) this.#others.delete(id)
    for (const id of present) if (!this.#followed.has(id) && this.#others.get(id) !== null) this.#meet(id, now)
  }

  /**
   * Containers whose lines are kept and that are gone: removed while nothing followed. What they wrote after the last
   * line that is there went with them, if there was any.
   */
  missOut(): void {
    for (const key of this.#logs.all())
      for (const [container, { name, time }] of this.#logs.of(key).positions) {
        if (existsSync(join(this.#folder, container))) continue
        const text = `lines of ${name} after ${time} may be missing: its container was removed while nothing followed it`
        this.#logs.write(key, [this.#logs.note(text)], new Map([[container, null]]))
      }
  }

  /** Reads what is new, and writes it. True: there is more at once. @param now monotonic (ms) */
  read(now: number): boolean {
    let isMore = false
    for (const followed of this.#followed.values()) {
      if (!this.#isDue(followed, now)) continue
      followed.readAt = now
      followed.bucket.refill(now)
      const piece = followed.tail.read(followed.bucket, now)
      if (piece === null) continue
      followed.wroteAt = now
      if (!this.#write(followed.tail, piece)) return false
      isMore ||= piece.isMore
    }
    return isMore
  }

  /** Whatever its containers still say is no one's. */
  ignore(key: EnvironmentKey): void {
    for (const { tail } of this.#followed.values()) {
      if (environmentId(tail.writer.key) !== environmentId(key)) continue
      this.#leave(tail)
      this.#others.set(tail.container, null)
    }
  }

  /** True when a log was written to a moment ago, or is listened to. */
  isHot(now: number): boolean {
    return [...this.#followed.values()].some(followed => this.#isHot(followed, now))
  }

  close(): void {
    for (const { tail } of this.#followed.values()) tail.close()
  }

  #meet(id: string, now: number): void {
    const folder = join(this.#folder, id)
    let writer: Writer | null
    try {
      writer = readWriter(folder)
    } catch {
      const since = this.#others.get(id) ?? now
      this.#others.set(id, now - since > unknownMs ? null : since)
      return
    }
    if (writer === null) return void this.#others.set(id, null)
    this.#others.delete(id)
    const position = this.#logs.of(writer.key).positions.get(id) ?? null
    const { logLinesPerSecond: perSecond, logLinesBurst: burst } = defaults
    this.#followed.set(id, {
      tail: new Tail({ container: id, folder, writer, position }),
      bucket: new Bucket({ perSecond, burst, now }),
      wroteAt: now,
      readAt: -Infinity,
    })
  }

  #write(tail: Tail, { records, notes, position }: Piece): boolean {
    const { key } = tail.writer
    const all = [...records, ...notes.map(text => this.#logs.note(text))]
    const isKnown = this.#logs.of(key).positions.has(tail.container)
    const moves = new Map(position !== null || isKnown ? [[tail.container, position]] : [])
    const isWritten = this.#logs.write(key, all, moves)
    // What was read and not written is read again, from where the last batch ends.
    if (!isWritten || position === null) this.#leave(tail)
    return isWritten
  }

  #leave(tail: Tail): void {
    tail.close()
    this.#followed.delete(tail.container)
    this.#gone.set(tail.container, tail.writer)
    const oldest = this.#gone.size > goneKept ? this.#gone.keys().next().value : undefined
    if (oldest !== undefined) this.#gone.delete(oldest)
  }

  #isDue(followed: Followed, now: number): boolean {
    return this.#isHot(followed, now) || now - followed.readAt >= coldEveryMs
  }

  #isHot({ tail, wroteAt }: Followed, now: number): boolean {
    return now - wroteAt < coldMs || this.#logs.isListenedTo(tail.writer.key)
  }
}
