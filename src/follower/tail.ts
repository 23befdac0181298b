import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ifMissing } from '../lib/files.ts'
import type { Bucket } from './bucket.ts'
import type { Writer } from './container.ts'
import { inNanoseconds, type LineRecord, type Position } from './record.ts'

export interface TailOptions {
  readonly container: string
  /** The engine's folder of this container. */
  readonly folder: string
  readonly writer: Writer
  /** Where reading goes on; null: from the first line that is there. */
  readonly position: Position | null
}

/** One piece of a log, and how far it was then read. */
export interface Piece {
  readonly records: readonly LineRecord[]
  /** Null: the container is gone and its log was read to its end. */
  readonly position: Position | null
  /** There is more at once. */
  readonly isMore: boolean
  /** What a reader of the log should know: `LINES of web.1 …`. */
  readonly notes: readonly string[]
}

interface OpenFile {
  readonly file: number
  readonly ino: string
}

/** Longer than any line of the engine's: 16 KiB of text, each byte escaped. */
const pieceBytes = 256 * 1024
const headBytes = 256
const piece = Buffer.allocUnsafe(pieceBytes)
const lineEnd = 0x0a
/** Lines that are left out are told of so often (ms). */
const tellMs = 10_000

/**
 * The log of one container, as its engine writes it: JSON lines in a file that is renamed when it is full. An open file is
 * read to its end whatever becomes of its name, so neither a rotation nor the container's removal loses a line. Nothing
 * here changes what the engine wrote.
 */
export class Tail {
  readonly container: string
  readonly writer: Writer
  readonly #folder: string
  readonly #base: string
  #resume: Position | null
  #open: OpenFile | null = null
  #offset = 0
  #head = { length: 0, sum: 0 }
  #time = ''
  #dropped: number
  #reportedAt = -Infinity
  #unreadable = 0

  constructor({ container, folder, writer, position }: TailOptions) {
    this.container = container
    this.writer = writer
    this.#folder = folder
    this.#base = `${container}-json.log`
    this.#resume = position
    this.#time = position?.time ?? ''
    this.#dropped = position?.dropped ?? 0
  }

  /** At most 256 KiB; null when there is nothing new. What the bucket has no room for is counted and left out. */
  read(bucket: Bucket, now: number): Piece | null {
    const notes: string[] = []
    if (this.#open === null && !this.#begin(notes)) return existsSync(this.#folder) ? null : this.#end(notes)
    const { records, isMore } = this.#records(bucket)
    if (records.length > 0 || isMore) return this.#piece(records, notes, { isMore, now, bucket })
    switch (this.#next(notes)) {
      case 'same':
        if (notes.length > 0 || this.#isDue(bucket, now)) return this.#piece([], notes, { isMore: false, now, bucket })
        return null
      case 'gone':
        return this.#end(notes)
      case 'next':
        return this.#piece([], notes, { isMore: true, now, bucket })
    }
  }

  close(): void {
    if (this.#open !== null) closeSync(this.#open.file)
    this.#open = null
  }

  /** True when a file is open: its lines cannot be lost any more. */
  get hasBegun(): boolean {
    return this.#open !== null
  }

  #piece(
    records: readonly LineRecord[],
    notes: string[],
    { isMore, now, bucket }: { isMore: boolean; now: number; bucket: Bucket },
  ): Piece {
    if (this.#isDue(bucket, now)) {
      notes.push(`${this.#dropped} lines of ${this.writer.name} were not kept: it writes faster than its log may grow`)
      this.#dropped = 0
      this.#reportedAt = now
    }
    if (this.#unreadable > 0) {
      notes.push(`${this.#unreadable} lines in the engine's log of ${this.writer.name} are damaged`)
      this.#unreadable = 0
    }
    return { records, position: this.#position(), isMore, notes }
  }

  #isDue(bucket: Bucket, now: number): boolean {
    return this.#dropped > 0 && (now - this.#reportedAt >= tellMs || !bucket.isEmpty)
  }

  #end(notes: string[]): Piece {
    if (this.#resume !== null) notes.push(this.#missing('its container was removed while nothing followed it'))
    if (this.#dropped > 0)
      notes.push(`${this.#dropped} lines of ${this.writer.name} were not kept: it writes faster than its log may grow`)
    this.close()
    return { records: [], position: null, isMore: false, notes }
  }

  #missing(why: string): string {
    const after = this.#time === '' ? '' : ` after ${this.#time}`
    return `lines of ${this.writer.name}${after} may be missing: ${why}`
  }

  #position(): Position {
    const dropped = this.#dropped > 0 ? { dropped: this.#dropped } : {}
    // A file of which nothing was read yet has no head that it could be known by.
    return {
      ino: this.#open!.ino,
      off: this.#offset,
      head: `${this.#head.length}:${this.#head.sum}`,
      name: this.writer.name,
      time: this.#time,
      ...dropped,
    }
  }

  // ——— files

  /** Opens the file to go on in. False while the container has none. */
  #begin(notes: string[]): boolean {
    const files = this.#openAll()
    if (files.length === 0) return false
    const resume = this.#resume
    const at = resume === null ? 0 : files.findIndex(one => isFileOf(one, resume))
    this.#resume = null
    if (resume !== null && at < 0)
      notes.push(this.#missing('the engine wrote over them while nothing followed, for a container’s log is bounded'))
    const chosen = Math.max(0, at)
    files.forEach((one, index) => index === chosen || closeSync(one.file))
    this.#go(files[chosen]!, at < 0 || resume === null ? 0 : resume.off)
    return true
  }

  #go(open: OpenFile, offset: number): void {
    this.#open = open
    // A machine that lost its power may have kept more of our file than of the engine's.
    this.#offset = Math.min(offset, fstatSync(open.file).size)
    this.#head = headOf(open.file, this.#offset)
  }

  /** At the end of the open file: what comes after it. The engine writes nothing to a file that it has renamed. */
  #next(notes: string[]): 'same' | 'gone' | 'next' {
    const open = this.#open!
    const now = statSync(join(this.#folder, this.#base), { bigint: true, throwIfNoEntry: false })
    if (now === undefined) return !existsSync(this.#folder) && this.#isAtEnd() ? 'gone' : 'same'
    if (String(now.ino) === open.ino || !this.#isAtEnd()) return 'same'
    const files = this.#openAll()
    const own = files.findIndex(({ ino }) => ino === open.ino)
    const next = files[own + 1]
    if (next === undefined) {
      files.forEach(({ file }) => closeSync(file))
      return 'same'
    }
    if (own < 0) notes.push(this.#missing('it writes faster than its log could be read'))
    files.forEach(one => one === next || closeSync(one.file))
    closeSync(open.file)
    this.#go(next, 0)
    return 'next'
  }

  /** Half a line at the end counts as the end: of a file that is not written to any more, nothing will follow it. */
  #isAtEnd(): boolean {
    const left = fstatSync(this.#open!.file).size - this.#offset
    if (left <= 0) return true
    const read = readSync(this.#open!.file, piece, 0, Math.min(left, pieceBytes), this.#offset)
    return piece.subarray(0, read).indexOf(lineEnd) < 0 && read < pieceBytes
  }

  /** All files of this log, the oldest first. Again while the engine renames them. */
  #openAll(): readonly OpenFile[] {
    for (let triesLeft = 5; ; triesLeft--) {
      const files = this.#names().flatMap(name => openOrNone(join(this.#folder, name)))
      const after = this.#names().flatMap(name => inoOf(join(this.#folder, name)))
      if (triesLeft === 0 || (files.length === after.length && files.every(({ ino }, at) => ino === after[at])))
        return files
      files.forEach(({ file }) => closeSync(file))
    }
  }

  #names(): readonly string[] {
    const numberOf = (name: string) => Number(name.slice(this.#base.length + 1))
    return existsSync(this.#folder)
      ? readdirSync(this.#folder)
          .filter(name => name === this.#base || (name.startsWith(`${this.#base}.`) && numberOf(name) > 0))
          .sort((a, b) => numberOf(b) - numberOf(a))
      : []
  }

  // ——— lines

  #records(bucket: Bucket): { records: LineRecord[]; isMore: boolean } {
    const { file } = this.#open!
    const read = readSync(file, piece, 0, pieceBytes, this.#offset)
    const records: LineRecord[] = []
    let at = 0
    const bytes = piece.subarray(0, read)
    for (let end = bytes.indexOf(lineEnd); end >= 0; at = end + 1, end = bytes.indexOf(lineEnd, at)) {
      if (bucket.take(end - at)) this.#take(bytes.toString('utf8', at, end), records)
      else this.#dropped++
    }
    if (at === 0 && read === pieceBytes) {
      // No line of the engine's is so long: what a crash left behind.
      this.#unreadable++
      at = read
    }
    this.#offset += at
    if (this.#head.length < headBytes && at > 0) this.#head = headOf(file, this.#offset)
    return { records, isMore: at > 0 }
  }

  #take(json: string, records: LineRecord[]): void {
    const line = parsed(json)
    if (line === null) {
      this.#unreadable++
      return
    }
    const { writer, container } = this
    const isWhole = line.log.endsWith('\n')
    this.#time = inNanoseconds(line.time)
    records.push({
      time: this.#time,
      source: writer.name,
      release: writer.release,
      container: container.slice(0, 12),
      stream: line.stream === 'stderr' ? 'stderr' : 'stdout',
      partial: !isWhole,
      text: isWhole ? line.log.slice(0, line.log.endsWith('\r\n') ? -2 : -1) : line.log,
    })
  }
}

interface EngineLine {
  readonly log: string
  readonly stream: string
  readonly time: string
}

/** Null for what a crash of the machine leaves in such a file. */
function parsed(json: string): EngineLine | null {
  try {
    const { log, stream, time } = JSON.parse(json) as Partial<EngineLine>
    if (typeof log !== 'string' || typeof stream !== 'string' || typeof time !== 'string') return null
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(time) ? { log, stream, time } : null
  } catch {
    return null
  }
}

function headOf(file: number, offset: number): { length: number; sum: number } {
  const bytes = Buffer.alloc(Math.min(headBytes, offset))
  readSync(file, bytes, 0, bytes.length, 0)
  return { length: bytes.length, sum: crc32(bytes) }
}

function isFileOf({ file, ino }: OpenFile, { ino: known, head }: Position): boolean {
  if (ino !== known) return false
  const { length, sum } = headOf(file, Number(head.split(':')[0]))
  return head === `${length}:${sum}`
}

function openOrNone(path: string): OpenFile[] {
  try {
    const file = openSync(path, 'r')
    return [{ file, ino: String(fstatSync(file, { bigint: true }).ino) }]
  } catch (error) {
    return ifMissing([])(error)
  }
}

function inoOf(path: string): string[] {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? [] : [String(found.ino)]
}
