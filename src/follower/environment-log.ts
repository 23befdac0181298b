import {
  closeSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { batchBytes, readMarks, type Moves, type Position } from './record.ts'

export interface LogLimits {
  /** A segment that has become longer is closed (bytes). */
  readonly segmentBytes: number
  /** Of all segments; the oldest go first (bytes). */
  readonly keptBytes: number
}

const flushed = promisify(fdatasync)

/**
 * The lines of one environment: segments that are only appended to, and the positions of its containers' logs, which
 * stand in the same batches as the lines. So both are there or neither: nothing is lost and nothing is doubled, whenever
 * the writer is killed. Not for two writers at once.
 */
export class EnvironmentLog {
  readonly folder: string
  readonly #limits: LogLimits
  readonly #positions = new Map<string, Position>()
  /** Numbers and lengths, the oldest first; the last one is written to. */
  #segments: { readonly number: number; bytes: number }[] = []
  #file: number | null = null
  #isDirty = false

  constructor(folder: string, limits: LogLimits) {
    this.folder = folder
    this.#limits = limits
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#recover()
  }

  /** By container; only of those whose log is not at its end. */
  get positions(): ReadonlyMap<string, Position> {
    return this.#positions
  }

  /**
   * One batch, whole or not at all. Throws what the disk says (`ENOSPC`), and then nothing was written.
   * @param records lines as `recordText` makes them, in one text
   */
  append(records: string, moves: Moves): void {
    const last = this.#segments.at(-1)
    const isNew = last === undefined || last.bytes >= this.#limits.segmentBytes
    if (isNew) this.#begin((last?.number ?? 0) + 1)
    const segment = this.#segments.at(-1)!
    this.#file ??= openSync(this.#path(segment.number), 'r+')
    // The first mark of a segment holds all positions: no one needs to read the one before it.
    const batch = batchBytes(records, segment.bytes === 0 ? new Map([...this.#positions, ...moves]) : moves)
    try {
      writeWhole(this.#file, batch, segment.bytes)
    } catch (error) {
      ftruncateSync(this.#file, segment.bytes)
      throw error
    }
    segment.bytes += batch.length
    this.#isDirty = true
    for (const [container, position] of moves) {
      if (position === null) this.#positions.delete(container)
      else this.#positions.set(container, position)
    }
    if (isNew) this.#dropOldest()
  }

  /** On the disk when it resolves. */
  async sync(): Promise<void> {
    if (!this.#isDirty || this.#file === null) return
    this.#isDirty = false
    await flushed(this.#file)
  }

  /** Files, the oldest first. */
  get paths(): readonly string[] {
    return this.#segments.map(({ number }) => this.#path(number))
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  /** Cuts off what a crash has left half; finds the positions in the last segment that has any. */
  #recover(): void {
    const numbers = readdirSync(this.folder)
      .flatMap(name => /^(\d{8})\.log$/.exec(name)?.[1] ?? [])
      .sort()
    this.#segments = numbers.map(number => ({ number: Number(number), bytes: -1 }))
    for (const segment of this.#segments.toReversed()) {
      const path = this.#path(segment.number)
      const { end, moves, marks } = readMarks(readFileSync(path))
      if (marks === 0) {
        unlinkSync(path)
        this.#segments.pop()
        continue
      }
      segment.bytes = end
      const file = openSync(path, 'r+')
      ftruncateSync(file, end)
      this.#file = file
      for (const [container, position] of moves) if (position) this.#positions.set(container, position)
      break
    }
    for (const segment of this.#segments)
      if (segment.bytes < 0) segment.bytes = statSync(this.#path(segment.number)).size
  }

  #begin(number: number): void {
    const file = openSync(this.#path(number), 'wx+', 0o600)
    const before = this.#file
    this.#file = file
    this.#segments.push({ number, bytes: 0 })
    // What the disk says against it, it says again at the next write.
    const close = () => closeSync(before!)
    if (before !== null) flushed(before).then(close, close)
  }

  #dropOldest(): void {
    let bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
    while (this.#segments.length > 1 && bytes > this.#limits.keptBytes - this.#limits.segmentBytes) {
      const oldest = this.#segments.shift()!
      bytes -= oldest.bytes
      unlinkSync(this.#path(oldest.number))
    }
  }

  #path(number: number): string {
    return join(this.folder, `${String(number).padStart(8, '0')}.log`)
  }
}

/** A disk that is full takes a part silently, and says so at the next call only. */
function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, position + done)
}
