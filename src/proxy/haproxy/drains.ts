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
export class DrainSocket {
  readonly #path: string
  readonly #server: Server

  private constructor(path: string, server: Server) {
    this.#path = path
    this.#server = server
  }

  static async open(path: string, counts: () => Promise<Counts>): Promise<DrainSocket> {
    const server = createServer(socket => {
      // The caller may go before the answer.
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
    return new DrainSocket(path, server)
  }

  async close(): Promise<void> {
    this.#server.close()
    await rm(this.#path, { force: true })
  }
}

/** What HAProxies of earlier keepers still have in flight, as long as these keepers live. */
export class EarlierDrains {
  readonly #last = new Map<string, Counts>()

  constructor(sockets: readonly string[]) {
    for (const socket of sockets) this.#last.set(socket, new Map())
  }

  /** Sockets that may still be answered: the keeper after this one asks there too. */
  get sockets(): readonly string[] {
    return [...this.#last.keys()]
  }

  async counts(): Promise<readonly Counts[]> {
    await Promise.all(this.sockets.map(socket => this.#ask(socket)))
    return [...this.#last.values()]
  }

  async #ask(socket: string): Promise<void> {
    try {
      this.#last.set(socket, await askForDrains(socket))
    } catch (error) {
      // A keeper ends after its last HAProxy.
      if (isMissing(error) || isSystemError(error, 'ECONNREFUSED')) this.#last.delete(socket)
    }
  }
}

async function askForDrains(path: string): Promise<Counts> {
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
