import { crc32 } from 'node:zlib'
import type { RetainedLine } from '../observe/retained-logs.ts'

/**
 * How lines lie in a segment: text, a record a line, so that `tail` and `grep` read it where nothing else works.
 *
 *     2026-11-25T20:50:00.123456789Z⇥web.1⇥v3⇥4f0c12ab34cd⇥o⇥the text, which may hold tabs
 *     #1c291ca3 71 {"4f0c12ab34cd…":{"ino":"917","off":104, …}}
 *
 * The second line is a mark: the end of a batch, its checksum and length, and how far into which container's log file the
 * batch goes. A batch without its mark was never written.
 */
export interface LineRecord {
  /** Nanoseconds, all nine digits, UTC: texts compare as times do. */
  readonly time: string
  readonly source: string
  /** `v3`, or `-`. */
  readonly release: string
  /** The container's id, shortened, or `-`. */
  readonly container: string
  readonly stream: 'stdout' | 'stderr'
  /** The engine cuts a line at 16 KiB: the rest of it is the next record of this container and stream. */
  readonly partial: boolean
  readonly text: string
}

/** How far a container's log file was read. */
export interface Position {
  /** Of the file: it keeps its number when the engine renames it. */
  readonly ino: string
  /** Bytes read of it. */
  readonly off: number
  /** Length and checksum of the file's first bytes: numbers are used again for other files. */
  readonly head: string
  /** `web.1` */
  readonly name: string
  /** Of the last line. */
  readonly time: string
  /** Lines left out since it was last said how many. */
  readonly dropped?: number
}

/** Null: its container is gone, and all of its log was read. */
export type Moves = ReadonlyMap<string, Position | null>

const streamLetters = { stdout: 'o', stderr: 'e' } as const

export function recordText({ time, source, release, container, stream, partial, text }: LineRecord): string {
  const letter = partial ? streamLetters[stream].toUpperCase() : streamLetters[stream]
  return `${time}\t${source}\t${release}\t${container}\t${letter}\t${text.replaceAll('\n', '␤')}\n`
}

/** Null for what is no record: marks, and what no one wrote here. */
export function parseRecord(line: string): LineRecord | null {
  const [time, source, release, container, letter] = line.split('\t', 5)
  if (time?.length !== 30 || !source || !release || !container || !letter) return null
  const before = time.length + source.length + release.length + container.length + letter.length + 5
  const stream = letter.toLowerCase() === 'e' ? 'stderr' : 'stdout'
  return { time, source, release, container, stream, partial: letter < 'a', text: line.slice(before) }
}

/** A batch with its mark, as it is written in one piece. */
export function batchBytes(records: string, moves: Moves): Buffer {
  const at = JSON.stringify(Object.fromEntries(moves))
  const bytes = Buffer.byteLength(records)
  const sum = crc32(at, crc32(records)).toString(16).padStart(8, '0')
  return Buffer.from(`${records}#${sum} ${bytes} ${at}\n`)
}

const markPattern = /^#([0-9a-f]{8}) (\d+) (\{.*\})$/
const lineEnd = 0x0a
const hash = 0x23

/** All whole batches from the beginning of a segment: where they end, and what their marks say, the later over the earlier. */
export function readMarks(segment: Buffer): { readonly end: number; readonly moves: Moves; readonly marks: number } {
  const moves = new Map<string, Position | null>()
  let end = 0
  let marks = 0
  for (let at = 0; at < segment.length;) {
    const next = segment.indexOf(lineEnd, at)
    if (next < 0) break
    if (segment[at] === hash) {
      const mark = markPattern.exec(segment.toString('utf8', at, next))
      if (!mark || Number(mark[2]) !== at - end) break
      const sum = crc32(mark[3]!, crc32(segment.subarray(end, at)))
      if (sum !== Number.parseInt(mark[1]!, 16)) break
      for (const move of Object.entries(JSON.parse(mark[3]!) as Record<string, Position | null>)) moves.set(...move)
      marks++
      end = next + 1
    }
    at = next + 1
  }
  return { end, moves, marks }
}

/** `2026-11-25T20:50:00.12Z`, as engines and HAProxy write it, with all nine digits of the second. */
export function inNanoseconds(time: string): string {
  const utc = time.endsWith('Z') ? time : new Date(time).toISOString()
  return `${utc.slice(0, 19)}.${utc.slice(20, -1).padEnd(9, '0').slice(0, 9)}Z`
}

export function keptLine({ time, source, stream, text, release }: LineRecord): RetainedLine {
  return { time, source, stream, text, release: release === '-' ? null : release }
}
