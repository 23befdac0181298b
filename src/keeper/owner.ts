import { createServer, type Server } from 'node:net'
import { request as httpRequest } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { persistently } from '../lib/async/retry.ts'
import { readIfThere, writeWhole } from '../lib/files.ts'
import { isRunning } from '../proxy/haproxy/process.ts'

/**
 * Who owns this node's events, admission and HAProxy: one keeper at a time. The lock is an abstract Unix socket of the
 * host's network namespace: the kernel frees it when its process ends, whatever way.
 */
export class Ownership {
  readonly #name: string
  #server: Server | null = null

  constructor(runDir: string) {
    this.#name = `\0lading-keeper:${runDir}`
  }

  /** True when this process owns the node from now on. */
  async tryTake(): Promise<boolean> {
    const server = createServer(socket => socket.destroy())
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    server.once('error', error =>
      (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen(this.#name, () => resolve(true))
    const taken = await promise
    if (taken) this.#server = server
    return taken
  }

  /** Resolves when another process can take it. */
  async give(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server) await new Promise(resolve => server.close(resolve))
  }
}

/** `owner.json` in the run directory: which keeper and which HAProxy are there. Gone after a boot, as they are. */
export interface OwnerRecord {
  readonly generation: number
  readonly process: number
  readonly pid: number
  readonly runtimeSocket: string
  /** Of this keeper and those before it: what their old HAProxies still have in flight. */
  readonly drainDoors: readonly string[]
}

export async function readOwner(path: string): Promise<OwnerRecord | null> {
  const text = await readIfThere(path)
  if (text === null) return null
  // A keeper from before there were such sockets wrote none.
  return { drainDoors: [], ...(JSON.parse(text) as Omit<OwnerRecord, 'drainDoors'> & Partial<OwnerRecord>) }
}

export async function writeOwner(path: string, record: OwnerRecord): Promise<void> {
  await writeWhole(path, `${JSON.stringify(record)}\n`)
}

/** One that is silent for longer (ms) is not waited for. */
const silentMs = 30_000

/**
 * The HAProxy that runs already, left by a keeper that handed over or that died alone. Rejects `unavailable` when there is
 * one that does not answer: a cold start beside it would share its listeners, and it has maps of the past.
 */
export async function findPredecessor(path: string, clock: Clock): Promise<OwnerRecord | null> {
  const owner = await readOwner(path)
  if (!owner) return null
  const patience = { clock, until: clock.monotonic() + silentMs, signal: new AbortController().signal }
  return (await persistently(() => isRunning(owner, clock), patience)) ? owner : null
}

/**
 * Takes the node over. Rejects `conflict` when a keeper of a higher generation owns it. A keeper of a lower one is asked
 * to hand over; one of the same is waited for: it is about to end. `handOver` says whether anybody handed over.
 */
export async function takeOver(options: {
  readonly ownership: Ownership
  readonly keeperSocket: string
  readonly ownerFile: string
  readonly generation: number
  readonly clock: Clock
  readonly log: (line: string) => void
}): Promise<void> {
  const { ownership, keeperSocket, ownerFile, generation, clock, log } = options
  let asked = false
  while (!(await ownership.tryTake())) {
    const owner = await readOwner(ownerFile)
    if (owner && owner.generation > generation) {
      throw new AppError('conflict', `a keeper of generation ${owner.generation} owns this node, this is ${generation}`)
    }
    if (!asked && owner && owner.generation < generation) {
      asked = await askForHandOver(keeperSocket, generation)
      log(asked ? `keeper: generation ${owner.generation} hands over` : 'keeper: the present keeper does not answer')
    }
    await clock.sleep(asked ? 5 : 100)
  }
}

/** True when the keeper has frozen and will let go. */
function askForHandOver(socketPath: string, generation: number): Promise<boolean> {
  return new Promise(resolve => {
    const headers = { 'content-type': 'application/json' }
    const request = httpRequest(
      { socketPath, method: 'POST', path: '/hand-over', headers, timeout: 10_000 },
      response => {
        response.resume()
        resolve(response.statusCode === 204)
      },
    )
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', () => resolve(false))
    request.end(JSON.stringify({ generation }))
  })
}
