import { readFileSync } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { ifMissing } from '../lib/files.ts'
import { parseRecord, type LineRecord } from './record.ts'

/** What a reader wants of an environment's lines. */
export interface Wanted {
  readonly tail: number
  /** Nanoseconds, as in records; empty: from the first. */
  readonly since: string
  /** As in `RetainedLogsQuery`. */
  readonly sources: readonly string[]
}

/** Text that a reader is given of the past at most (bytes): his own memory, and ours. */
const mostText = 16 * 1024 * 1024
/** A line of an app is put together again up to here (characters). */
const longestLine = 1024 * 1024

/**
 * The last `tail` lines, by time, out of these segments (the oldest first). Segments are read from the newest back, whole:
 * a segment without any line that is new enough ends it, for stamps within one may jump with the machine's clock.
 */
export async function readPast(paths: readonly string[], wanted: Wanted, clock: Clock): Promise<LineRecord[]> {
  let found: LineRecord[] = []
  let text = 0
  for (const path of wanted.tail === 0 ? [] : paths.toReversed()) {
    const records = recordsOf(path)
    const fitting = records.filter(record => isWanted(record, wanted))
    found = [...fitting, ...found]
    text += fitting.reduce((sum, record) => sum + record.text.length + 100, 0)
    const lines = joined(found)
    if (lines.length >= wanted.tail || text > mostText) return lastOf(lines, wanted.tail)
    if (records.length > 0 && records.every(({ time }) => time < wanted.since)) break
    // Whoever follows is served between two segments.
    await clock.sleep(0)
  }
  return lastOf(joined(found), wanted.tail)
}

/** Records from this time on, as they lie there. */
export function recordsSince(paths: readonly string[], since: string): LineRecord[] {
  let found: LineRecord[] = []
  for (const path of paths.toReversed()) {
    const records = recordsOf(path)
    found = [...records.filter(({ time }) => time >= since), ...found]
    if (records.some(({ time }) => time < since)) break
  }
  return found
}

export function isWanted({ source, time }: LineRecord, { sources, since }: Wanted): boolean {
  if (time < since) return false
  return sources.length === 0 || sources.some(one => isOf(source, one))
}

/** A process's name has a number: `web.1`. */
function isOf(source: string, wanted: string): boolean {
  if (wanted === 'app') return source.includes('.')
  return source === wanted || source.startsWith(`${wanted}.`)
}

/** Puts lines together that the engine has cut at 16 KiB. A line whose end never came stands where it began. */
export class Joiner {
  readonly #open = new Map<string, { record: LineRecord; text: string }>()

  /** The whole line, or null while its end has not come. */
  take(record: LineRecord): LineRecord | null {
    const key = `${record.container} ${record.stream}`
    const begun = this.#open.get(key)
    if (begun === undefined && !record.partial) return record
    const { record: first, text } = begun ?? { record, text: '' }
    const longer = text + record.text
    if (record.partial && longer.length < longestLine) {
      this.#open.set(key, { record: first, text: longer })
      return null
    }
    this.#open.delete(key)
    return { ...first, partial: false, text: longer }
  }

  rest(): LineRecord[] {
    return [...this.#open.values()].map(({ record, text }) => ({ ...record, partial: false, text }))
  }
}

function joined(records: readonly LineRecord[]): LineRecord[] {
  const joiner = new Joiner()
  const lines = records.flatMap(record => joiner.take(record) ?? [])
  return [...lines, ...joiner.rest()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}

function lastOf(lines: LineRecord[], tail: number): LineRecord[] {
  let text = 0
  let first = lines.length
  while (first > 0 && lines.length - first < tail && text < mostText) text += lines[--first]!.text.length
  return lines.slice(first)
}

/** Half a batch that is being written, or that a crash has left, is not there yet: its lines end nowhere. */
function recordsOf(path: string): LineRecord[] {
  const text = readOrEmpty(path)
  return text
    .slice(0, text.lastIndexOf('\n#') + 1)
    .split('\n')
    .flatMap(line => parseRecord(line) ?? [])
}

/** A segment may go, by the quota, while someone reads. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return ifMissing('')(error)
  }
}
