import { rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { isMissing, isSystemError } from '../../lib/files.ts'

/** Requests and open connections by backend. */
export type Counts = ReadonlyMap<string, number>

/** A keeper that answers nothing for so long (ms) is stopped or busy: what it said last holds. */
const patienceMs = 1000

/**
 * Where a keeper tells the ones after it what its old HAProxies still have in flight. An old HAProxy can be asked over a
 * connection only that was opened before its farewell, so only the keeper that sent it off can know. Each connection
 * gets one JSON object, and its end.
 */
export class DrainDoor {
  readonly #path: string
  readonly #server: Server

  private constructor(path: string, server: Server) {
    this.#path = path
    this.#server = server
  }

  static async open(path: string, counts: () => Promise<Counts>): Promise<DrainDoor> {
    const server = createServer(socket => {
      // Whoever asked may go before the answer.
      socket.on('error', () => socket.destroy())
      counts().then(
        now => socket.end(JSON.stringify(Object.fromEntries(now))),
        () => socket.destroy(),
      )
    })
    await rm(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    return new DrainDoor(path, server)
  }

  async close(): Promise<void> {
    this.#server.close()
    await rm(this.#path, { force: true })
  }
}

/** What HAProxies of earlier keepers still have in flight, as long as these keepers live. */
export class EarlierDrains {
  readonly #last = new Map<string, Counts>()

  constructor(doors: readonly string[]) {
    for (const door of doors) this.#last.set(door, new Map())
  }

  /** Doors that may still be answered: the keeper after this one asks there too. */
  get doors(): readonly string[] {
    return [...this.#last.keys()]
  }

  async counts(): Promise<readonly Counts[]> {
    await Promise.all(this.doors.map(door => this.#ask(door)))
    return [...this.#last.values()]
  }

  async #ask(door: string): Promise<void> {
    try {
      this.#last.set(door, await askDoor(door))
    } catch (error) {
      // A keeper ends after its last HAProxy.
      if (isMissing(error) || isSystemError(error, 'ECONNREFUSED')) this.#last.delete(door)
    }
  }
}

async function askDoor(path: string): Promise<Counts> {
  const socket = connect(path)
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`${path} does not answer`)))
  const answer = JSON.parse(await text(socket)) as Readonly<Record<string, number>>
  return new Map(Object.entries(answer))
}

export function sumOf(all: readonly Counts[]): Counts {
  const sum = new Map<string, number>()
  for (const counts of all) for (const [key, count] of counts) sum.set(key, (sum.get(key) ?? 0) + count)
  return sum
}
