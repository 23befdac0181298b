import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { label, type Labels } from '../core/labels.ts'

interface Seen {
  ino: bigint
  size: number
  /** Looks in a row at which it had grown too much. */
  tooMuch: number
}

/** An engine writes so much of one container's log in a second for some 6 % of a core; what is over is a flood (bytes). */
const mostPerSecond = 4 * 1024 * 1024
/** One look alone is a burst: a start that says much, a stack trace in each of a hundred requests. Twice too much counts as two. */
const looksInARow = 2
/** Never the platform's own: who is slowed must not be who slows. */
const slowed = ['process', 'release-phase', 'one-off', 'verify', 'service']

/**
 * Containers that print without end, told by how their logs grow. What they cost is the engine's own work, which no limit of the
 * container bounds (docs/design/logs.md, "Floods"). Only sizes are looked at, so this also goes on while nothing is kept.
 */
export class Floods {
  readonly #folder: string
  readonly #seen = new Map<string, Seen>()
  /** Whether it is slowed at all, once its labels could be read. */
  readonly #ours = new Map<string, boolean>()
  #at: number

  /** `folder`: the engine's, of containers. @param now monotonic (ms) */
  constructor(folder: string, now: number) {
    this.#folder = folder
    this.#at = now
  }

  /** Those of which two looks in a row found too much, or this one twice as much. @param now monotonic (ms) */
  look(now: number): readonly string[] {
    const most = (Math.max(now - this.#at, 1) / 1000) * mostPerSecond
    this.#at = now
    const present = new Set(readdirSync(this.#folder))
    for (const known of [this.#seen, this.#ours]) for (const id of known.keys()) if (!present.has(id)) known.delete(id)
    return [...present].filter(id => /^[0-9a-f]{64}$/.test(id) && this.#isFlood(id, most) && this.#isOurs(id))
  }

  #isFlood(id: string, most: number): boolean {
    const path = join(this.#folder, id, `${id}-json.log`)
    const current = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (current === undefined) return false
    const size = Number(current.size)
    const seen = this.#seen.get(id)
    // What is met for the first time may have grown for days.
    if (seen === undefined) {
      this.#seen.set(id, { ino: current.ino, size, tooMuch: 0 })
      return false
    }
    const grown = seen.ino === current.ino ? size - seen.size : size + grownBefore(path, seen)
    seen.tooMuch = grown > 2 * most ? looksInARow : grown > most ? seen.tooMuch + 1 : 0
    seen.ino = current.ino
    seen.size = size
    return seen.tooMuch >= looksInARow
  }

  #isOurs(id: string): boolean {
    let ours = this.#ours.get(id)
    if (ours === undefined) this.#ours.set(id, (ours = slowed.includes(roleOf(join(this.#folder, id)))))
    return ours
  }
}

/** In the file that the engine has renamed since; whole, where it has renamed more than one. */
function grownBefore(path: string, seen: Seen): number {
  const before = statSync(`${path}.1`, { bigint: true, throwIfNoEntry: false })
  if (before === undefined) return 0
  return Number(before.size) - (before.ino === seen.ino ? seen.size : 0)
}

function roleOf(folder: string): string {
  try {
    const text = readFileSync(join(folder, 'config.v2.json'), 'utf8')
    return (JSON.parse(text) as { Config?: { Labels?: Labels | null } }).Config?.Labels?.[label.role] ?? ''
  } catch {
    return ''
  }
}
