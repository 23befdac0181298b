import type { IncomingMessage } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { label } from '../core/labels.ts'
import type { DockerHttp } from '../docker/http.ts'
import { wholeLines } from '../lib/async/lines.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import { Processes, processOf, startTimeOf, type Inspected, type RunningProcess } from './processes.ts'

export interface EngineWatchOptions {
  readonly engine: DockerHttp
  readonly clusterAddress: string
  readonly clock: Clock
  readonly log: (line: string) => void
  readonly changed: (process: RunningProcess) => void
}

interface EngineEvent {
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

const inspectsAtOnce = 8
const eyeMs = 50

/**
 * Follows the node's own engine: the only first-hand source of who listens on which port (decision:
 * one-keeper-per-node). It listens first and lists then, so that nothing is missed. While the engine is away, it looks
 * at the processes themselves: port numbers start over with a new engine, so whoever ends must be out of the edge
 * before that.
 */
export class EngineWatch {
  readonly processes = new Processes()
  readonly #options: EngineWatchOptions
  /** Containers whose end was seen while their inspection was under way. */
  readonly #ended = new Set<string>()
  /** How many inspections were begun, and of each container the latest that was taken: answers overtake each other. */
  #inspections = 0
  readonly #taken = new Map<string, number>()
  readonly #away: Wakeup
  #connected = false

  constructor(options: EngineWatchOptions) {
    this.#options = options
    this.#away = new Wakeup(options.clock)
  }

  get connected(): boolean {
    return this.#connected
  }

  /** All that runs now, once; rejects `unavailable` while no engine answers. */
  async list(signal: AbortSignal): Promise<void> {
    const { engine } = this.#options
    // Only of these the list can say that they are gone: what starts meanwhile is told by its event, and not in the list.
    const before = this.processes.running()
    const filters = JSON.stringify({ label: [label.release] })
    const all = (await engine.json(
      { method: 'GET', path: '/containers/json', query: { all: true, filters } },
      signal,
    )) as { readonly Id: string }[]
    const ids = all.map(one => one.Id).toReversed()
    for (let at = 0; at < ids.length; at += inspectsAtOnce) {
      await Promise.all(ids.slice(at, at + inspectsAtOnce).map(id => this.#inspect(id, signal)))
    }
    const present = new Set(ids)
    for (const one of before) {
      if (!present.has(one.container) && this.processes.get(one.container) === one) this.#exit(one, null)
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#followAgain(signal), this.#watchPidsWhileAway(signal)])
  }

  async #followAgain(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    while (!signal.aborted) {
      try {
        await this.#follow(signal)
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof AppError && error.code === 'unavailable')) log(`engine: ${String(error)}`)
      }
      if (this.#connected) log('engine: the event stream ended; watching the processes themselves')
      this.#connected = false
      this.#away.wake()
      await clock.sleep(eyeMs)
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const filters = JSON.stringify({
      type: ['container'],
      event: ['start', 'die', 'oom', 'kill', 'destroy'],
      label: [label.release],
    })
    const own = new AbortController()
    const either = AbortSignal.any([signal, own.signal])
    const stream = await this.#options.engine.stream({ method: 'GET', path: '/events', query: { filters } }, either)
    try {
      // The first that fails ends both: an engine can go between the two.
      await Promise.all([this.#connect(either), this.#readEvents(stream, either)])
    } finally {
      own.abort()
      stream.destroy()
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    await this.list(signal)
    if (!signal.aborted) this.#connected = true
  }

  async #readEvents(stream: IncomingMessage, signal: AbortSignal): Promise<void> {
    for await (const line of wholeLines(stream.setEncoding('utf8') as AsyncIterable<string>)) {
      if (line.trim() !== '') this.#event(JSON.parse(line) as EngineEvent, signal)
    }
  }

  /** Ends are acted on at once, in the order of the stream; a start needs an inspection, and an end overtakes it. */
  #event({ Action, Actor }: EngineEvent, signal: AbortSignal): void {
    const known = this.processes.get(Actor.ID)
    switch (Action) {
      case 'start':
        this.#ended.delete(Actor.ID)
        this.#inspect(Actor.ID, signal).catch((error: unknown) => {
          if (!signal.aborted) this.#options.log(`engine: inspect failed: ${String(error)}`)
        })
        return
      case 'kill':
        if (known && (Actor.Attributes.signal === '15' || Actor.Attributes.signal === 'SIGTERM')) {
          this.#set({ ...known, stopping: true })
        }
        return
      case 'oom':
        if (known) this.#set({ ...known, outOfMemory: true })
        return
      case 'die':
        this.#ended.add(Actor.ID)
        if (known) this.#exit(known, Number(Actor.Attributes.exitCode))
        // The kill for memory is known for certain from the container, if it is still there.
        this.#inspect(Actor.ID, signal).catch(() => undefined)
        return
      case 'destroy':
        this.#ended.delete(Actor.ID)
        this.#taken.delete(Actor.ID)
        if (known?.state === 'running') this.#exit(known, null)
        return
    }
  }

  async #inspect(id: string, signal: AbortSignal): Promise<void> {
    const { engine, clusterAddress, log } = this.#options
    const inspection = ++this.#inspections
    let inspected: Inspected
    try {
      inspected = (await engine.json({ method: 'GET', path: `/containers/${id}/json` }, signal)) as Inspected
    } catch (error) {
      if (error instanceof AppError && error.code === 'not-found') return
      throw error
    }
    let process: RunningProcess | null
    try {
      process = await processOf(inspected, clusterAddress)
    } catch (error) {
      return log(`engine: container ${id} carries labels that are not ours: ${String(error)}`)
    }
    if (process === null) return
    if (process.state === 'running' && this.#ended.has(id)) return
    if ((this.#taken.get(id) ?? 0) > inspection) return
    this.#taken.set(id, inspection)
    const known = this.processes.get(id)
    this.#set({
      ...process,
      stopping: known?.stopping ?? false,
      outOfMemory: process.outOfMemory || (known?.outOfMemory ?? false),
    })
  }

  /**
   * Beside the attempts to follow: an engine that is started takes connections (systemd holds its socket) long before it
   * answers, and gives port numbers meanwhile.
   */
  async #watchPidsWhileAway(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#connected) {
        await this.#away.wait(3_600_000, signal)
        continue
      }
      await this.#watchPids()
      await this.#options.clock.sleep(eyeMs)
    }
  }

  async #watchPids(): Promise<void> {
    for (const one of this.processes.running()) {
      if (one.pidStartedAt === null || (await startTimeOf(one.pid)) === one.pidStartedAt) continue
      // Unless the engine has just told more of it.
      if (this.processes.get(one.container) === one) this.#exit(one, null)
    }
  }

  #exit(process: RunningProcess, exitCode: number | null): void {
    this.#set({ ...process, state: 'exited', exitCode, address: null })
  }

  #set(process: RunningProcess): void {
    this.processes.set(process)
    this.#options.changed(process)
  }
}
