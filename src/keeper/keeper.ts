import { createServer, type IncomingMessage, type Server } from 'node:http'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { asAppError, AppError } from '../core/errors.ts'
import { web } from '../core/names.ts'
import { DockerHttp } from '../docker/http.ts'
import { listenPrivately } from '../lib/files.ts'
import type { Admission, AdmissionFaults } from '../proxy/admission.ts'
import { HaproxyEdge } from '../proxy/haproxy/edge.ts'
import { DrainSocket, EarlierDrains } from '../proxy/haproxy/drains.ts'
import { edgePaths } from '../proxy/haproxy/files.ts'
import { refusedCommand, refusedIn } from '../proxy/haproxy/per-source.ts'
import { keeperApi, termOf } from './api.ts'
import type { KeeperConfig } from './config.ts'
import { Brakes } from './brakes.ts'
import { enginePrefix, engineUpgrades } from './engine-proxy.ts'
import { EngineTokens } from './engine-tokens.ts'
import { EngineWatch } from './engine-watch.ts'
import { findPredecessor, Ownership, readOwner, takeOver, writeOwner } from './owner.ts'
import { shareRegistrySocket } from './registry-socket.ts'
import { openOccupantsSocket, showRouter } from './router-socket.ts'
import type { RunningProcess } from './processes.ts'
import { Views } from './views.ts'

export interface KeeperOptions {
  readonly config: KeeperConfig
  readonly clock: Clock
  readonly log: (line: string) => void
  /** Only tests give them. */
  readonly faults?: KeeperFaults
}

/** What a test puts in the place of the real thing, to see itself red (test/e2e/faulty-keeper/faults.ts). */
export interface KeeperFaults extends AdmissionFaults {
  /** Admits and removes addresses in the place of the engine's events. */
  readonly admit?: (admission: Admission, config: KeeperConfig, signal: AbortSignal) => Promise<void>
}

/** A keeper that was asked to hand over takes up its work again when the other has not come up after so long (ms). */
const handOverMs = 30_000
/** The first list of the engine may take so long before HAProxy starts without it (ms). */
const firstListMs = 5000

/**
 * One node's keeper (decision: one-keeper-per-node): thin, without decisions. The order of its start is fixed:
 * docs/design/edge.md.
 */
export class Keeper {
  readonly #options: KeeperOptions
  readonly #ownership: Ownership
  readonly #edge: HaproxyEdge
  readonly #engineWatch: EngineWatch
  readonly #engineTokens: EngineTokens
  readonly #brakes: Brakes
  readonly #views: Views
  readonly #paths: ReturnType<typeof edgePaths>
  readonly #stop = new AbortController()
  readonly #retired = new AbortController()
  readonly #server: Server
  readonly #done = Promise.withResolvers<void>()
  #work = new AbortController()
  #drainSocket: DrainSocket | null = null
  #occupantsServer: Server | null = null

  constructor(options: KeeperOptions) {
    this.#options = options
    const { config, clock, log } = options
    this.#paths = edgePaths(config.stateDir, config.runDir)
    this.#ownership = new Ownership(config.runDir)
    this.#edge = new HaproxyEdge({
      paths: this.#paths,
      settings: () => ({ ...config.edge, registryTokens: this.#engineTokens.current() }),
      binary: config.haproxy,
      clock,
      log,
      ...(options.faults && { faults: options.faults }),
      changed: () => this.#views.changed(),
      started: async (process, pid) => {
        const { generation } = config
        const runtimeSocket = this.#paths.runtimeSocket(process)
        const sockets = new Set([...this.#edge.earlierSockets, this.#paths.drainSocket(generation)])
        await writeOwner(this.#paths.owner, { generation, process, pid, runtimeSocket, drainDoors: [...sockets] })
        await showRouter(this.#paths, process)
      },
    })
    this.#engineTokens = new EngineTokens({
      path: config.registryTokenFile,
      clock,
      log,
      reload: () => this.#edge.reload(),
    })
    this.#engineWatch = new EngineWatch({
      engine: new DockerHttp({ socketPath: config.engineSocket }),
      clusterAddress: config.clusterAddress,
      clock,
      log,
      changed: process => this.#processChanged(process),
    })
    this.#brakes = new Brakes({ engine: new DockerHttp({ socketPath: config.engineSocket }), clock, log })
    this.#views = new Views({ processes: this.#engineWatch.processes, edge: this.#edge, node: config.node, clock })
    this.#server = createServer({ requestTimeout: 0, headersTimeout: 30_000 })
  }

  /** Resolves when this keeper serves its API and owns the edge. */
  async start(): Promise<void> {
    const { config, clock, log } = this.#options
    await this.#edge.prepare()
    await takeOver({
      ownership: this.#ownership,
      keeperSocket: this.#socketPath,
      ownerFile: this.#paths.owner,
      generation: config.generation,
      clock,
      log,
    })
    // Read only now: until the hand-over, another keeper may have written it.
    await this.#edge.load()
    const before = await findPredecessor(this.#paths.owner, clock)
    const socket = this.#paths.drainSocket(config.generation)
    const sockets = ((await readOwner(this.#paths.owner))?.drainDoors ?? []).filter(one => one !== socket)
    this.#drainSocket = await DrainSocket.open(socket, () => this.#edge.supervisor.draining())
    // A HAProxy that serves goes on until the engine has said who runs; without one, closed slots are better than none.
    while (!(await this.#listed()) && before) await clock.sleep(500)
    await this.#edge.start(before, new EarlierDrains(sockets))
    await this.#serve()
    this.#run()
    log(`keeper: generation ${config.generation} serves ${this.#socketPath}`)
  }

  /** Resolves when this keeper has handed over and all that it still had is at its end. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** Soft stop, for a host that goes down: requests in flight end first. A keeper that handed over only lets go. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#work.abort()
    this.#retired.abort()
    this.#occupantsServer?.close()
    this.#server.close()
    this.#server.closeIdleConnections()
    await this.#edge.supervisor.stop()
  }

  get #socketPath(): string {
    return join(this.#options.config.runDir, 'keeper.sock')
  }

  async #listed(): Promise<boolean> {
    try {
      await this.#engineWatch.list(AbortSignal.timeout(firstListMs))
      return true
    } catch (error) {
      this.#options.log(`keeper: the engine has not answered yet: ${asAppError(error).message}`)
      return false
    }
  }

  #run(): void {
    const work = (this.#work = new AbortController())
    const failed = (error: unknown) => {
      if (!work.signal.aborted) this.#options.log(`keeper: ${asAppError(error).stack}`)
    }
    this.#engineWatch.run(work.signal).catch(failed)
    this.#edge.run(work.signal).catch(failed)
    const { config, faults } = this.#options
    faults?.admit?.(this.#edge.admission, config, work.signal).catch(failed)
    this.#engineTokens.follow(work.signal).catch(failed)
    shareRegistrySocket(this.#options, work.signal).catch(failed)
  }

  #processChanged(process: RunningProcess): void {
    if (this.#options.faults?.admit) return this.#views.changed()
    const { app, environment, release, container, address, stopping } = process
    if (process.state === 'running' && address !== null && process.type === web) {
      this.#edge.admission.put({ app, environment, release, container, address, stopping })
    } else {
      this.#edge.admission.remove(container)
    }
    this.#views.changed()
  }

  /** Bound under another name and renamed: the path always leads to a keeper, the old one or the new one. */
  async #serve(): Promise<void> {
    const { config, clock } = this.#options
    this.#server.on(
      'request',
      keeperApi({
        edge: this.#edge,
        engineWatch: this.#engineWatch,
        views: this.#views,
        engineSocket: config.engineSocket,
        clock,
        health: () => this.#health(),
        handOver: generation => this.#handOver(generation),
        retired: this.#retired.signal,
      }),
    )
    const admit = async (request: IncomingMessage) => {
      if (!(request.url ?? '').startsWith(`${enginePrefix}/`)) throw new AppError('not-found', 'no upgrade here')
      if (request.method !== 'GET') await this.#edge.assertTerm(termOf(request))
    }
    this.#server.on('upgrade', engineUpgrades(config.engineSocket, admit))
    await listenPrivately(this.#server, this.#socketPath, `${this.#socketPath}.${config.generation}`)
    this.#occupantsServer = await openOccupantsSocket(this.#paths.occupantsSocket, config.generation, {
      occupants: () => this.#edge.admission.occupants(),
      brake: container => void this.#brakes.hold(container, this.#work.signal),
    })
  }

  /** Freezes and lets go; resumes by itself when the other keeper does not come up. */
  async #handOver(generation: number): Promise<void> {
    const { config, log } = this.#options
    if (!(generation > config.generation)) {
      throw new AppError('conflict', `generation ${generation} does not replace ${config.generation}`)
    }
    const { promise, resolve } = Promise.withResolvers<'resumed' | 'retired'>()
    await this.#edge.freeze(promise)
    this.#work.abort()
    await this.#ownership.give()
    log(`keeper: handing over to generation ${generation}`)
    this.#seeThrough(generation).then(resolve, (error: unknown) => {
      log(`keeper: hand-over: ${asAppError(error).message}`)
      resolve('resumed')
    })
  }

  async #seeThrough(generation: number): Promise<'resumed' | 'retired'> {
    const { clock, log } = this.#options
    const deadline = clock.monotonic() + handOverMs
    for (;;) {
      await clock.sleep(20)
      if (((await readOwner(this.#paths.owner))?.generation ?? 0) >= generation) break
      if (clock.monotonic() < deadline || !(await this.#ownership.tryTake())) continue
      log(`keeper: generation ${generation} did not come up; going on`)
      this.#run()
      return 'resumed'
    }
    this.#retire()
    return 'retired'
  }

  /** Streams of the engine that are open (a shell, logs) go on until they end; everything else is the next one's. */
  #retire(): void {
    this.#retired.abort()
    this.#occupantsServer?.close()
    const streams = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeIdleConnections()
    this.#options.log('keeper: handed over; draining')
    const { resolve, reject } = this.#done
    void Promise.all([streams, this.#edge.supervisor.drained()])
      .then(() => this.#drainSocket?.close())
      .then(resolve, reject)
  }

  async #health() {
    const { supervisor } = this.#edge
    const counters = await supervisor.running?.runtime.ask(refusedCommand, 1000).catch(() => '')
    return {
      node: this.#options.config.node,
      generation: this.#options.config.generation,
      version: this.#options.config.version,
      build: this.#options.config.build,
      term: this.#edge.model.term,
      engine: this.#engineWatch.connected ? 'connected' : 'away',
      haproxy: supervisor.running ? { pid: supervisor.running.pid, process: this.#edge.process } : null,
      draining: supervisor.drainingPids,
      /** By limits per source address, since this HAProxy began. */
      refused: refusedIn(counters ?? ''),
      nodeVersion: process.version,
    }
  }
}
