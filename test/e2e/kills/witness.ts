import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Where a process of `fixtures/apps/held` stands when it tells the witness. */
export type Place = 'boot' | 'release' | 'request'

export interface Hold {
  /** Resolves when the first process stands there. */
  readonly arrived: Promise<void>
  /** Answers all who stand there, and from now on everybody at once. */
  readonly letGo: () => void
}

/**
 * Outlives every kill, because it runs on the machine and not on the host: processes of the app tell it where they are
 * (release phase, before they listen, in a request), it counts them, and holds those a test wants to hold. So a kill
 * meets a stage because the stage cannot pass, not because someone slept for the right time.
 */
export class Witness {
  readonly address: string
  readonly #close: () => void
  readonly #counts = new Map<string, number>()
  readonly #holds = new Map<string, { arrive: () => void; waiting: ServerResponse[] }>()

  private constructor(address: string, close: () => void) {
    this.address = address
    this.#close = close
  }

  /** Listens on this address of the machine, on a port of the kernel's choice. */
  static async listen(host: string): Promise<Witness> {
    const server = createServer((request, response) => witness.#receive(request.url ?? '/', response))
    server.listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const witness = new Witness(`${host}:${port}`, () => {
      server.close()
      server.closeAllConnections()
    })
    return witness
  }

  hold(place: Place, version: string): Hold {
    const key = `/${place}/${version}`
    const { promise, resolve } = Promise.withResolvers<void>()
    const hold = { arrive: resolve, waiting: [] as ServerResponse[] }
    this.#holds.set(key, hold)
    return {
      arrived: promise,
      letGo: () => {
        this.#holds.delete(key)
        for (const response of hold.waiting) response.end()
      },
    }
  }

  /** How many processes of this version have stood there. */
  count(place: Place, version: string): number {
    return this.#counts.get(`/${place}/${version}`) ?? 0
  }

  [Symbol.dispose](): void {
    this.#close()
  }

  #receive(key: string, response: ServerResponse): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    const hold = this.#holds.get(key)
    if (!hold) return void response.end()
    hold.waiting.push(response)
    hold.arrive()
  }
}
