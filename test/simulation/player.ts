import { asAppError, type AppError } from '../../src/core/errors.ts'
import { parseAppName, parseBranchName, production, type CommitId, type EnvironmentKey } from '../../src/core/names.ts'
import { goesOnByItself, type Run, type RunIntent } from '../../src/core/run.ts'
import { isFinal, pastNoReturn, wentLive } from '../../src/core/states.ts'
import type { Store } from '../../src/store/store.ts'
import type { Crash, Fault, Site } from './gate.ts'
import { Instance, World, type CommitKind, type Plant } from './world.ts'

const forever = new AbortController().signal
const main = parseBranchName('main')
const rebootMs = 700

/** What someone outside was told about a run; null where the line was cut. */
export interface Client {
  readonly key: EnvironmentKey
  readonly intent: RunIntent
  run: Run | null
  outcome: Run | null
  refusal: AppError | null
}

export interface PlayerOptions {
  /** By the number of the call to the outside; only the first instance meets them. */
  readonly faults?: ReadonlyMap<number, Fault>
  readonly lateMs?: () => number
  readonly plant?: Plant | undefined
  /** The first crash takes the database along. */
  readonly losesDatabase?: boolean
  /** The first crash takes the whole machine along; its backup of that moment is restored on another. */
  readonly losesMachine?: boolean
  /** Where the second instance dies; calls are numbered from its start. */
  readonly nextCrash?: Crash
}

/** Plays one history: people who push and roll back, a machine that is killed and started again. */
export class Player {
  world = new World()
  readonly clients: Client[] = []
  /** Runs as they stood when their control plane died. */
  readonly atCrash: Run[] = []
  crashSite: Site | null = null
  crashes = 0
  readonly #lateMs: () => number
  readonly #plant: Plant | undefined
  readonly #nextCrash: Crash | undefined
  readonly #losesDatabase: boolean
  readonly #losesMachine: boolean
  #instance: Instance
  #store: Store | null = null

  constructor({
    faults = new Map(),
    lateMs = () => 3_000,
    plant,
    losesDatabase = false,
    losesMachine = false,
    nextCrash,
  }: PlayerOptions = {}) {
    this.#nextCrash = nextCrash
    this.#losesDatabase = losesDatabase
    this.#losesMachine = losesMachine
    this.#lateMs = lateMs
    this.#plant = plant
    this.#instance = this.#newInstance(faults)
  }

  async begin(): Promise<void> {
    this.#store = await this.world.openStore()
    await this.#boot()
  }

  get store(): Store {
    if (this.#store === null) throw new Error('begin() comes first')
    return this.#store
  }

  get gate() {
    return this.#instance.gate
  }

  async createApp(name: string): Promise<EnvironmentKey> {
    const app = parseAppName(name)
    await this.store.createApp(app, 'simulation', this.world.clock.now())
    await this.world.repositories.create(app, forever)
    return { app, environment: production }
  }

  killAt(crash: Crash): void {
    this.gate.crash = crash
  }

  /** A push of a new commit on top of the branch. */
  async push(key: EnvironmentKey, kind: CommitKind): Promise<Client> {
    const from = await this.world.repositories.branch(key.app, main, forever)
    const commit = this.world.commit(key.app, kind, from === null ? [] : [from])
    return this.submit(key, { kind: 'commit', commit, move: { branch: main, from, force: false } })
  }

  /** Resolves when the control plane has answered, or died. */
  async submit(key: EnvironmentKey, intent: RunIntent): Promise<Client> {
    const client: Client = { key, intent, run: null, outcome: null, refusal: null }
    this.clients.push(client)
    await this.until(() => this.#instance.pipeline !== null)
    const { gate } = this
    void this.#follow(client)
    await this.until(() => client.run !== null || client.refusal !== null || gate.isDead)
    return client
  }

  async cancel(client: Client): Promise<void> {
    const { pipeline, gate } = this.#instance
    if (client.run === null || pipeline === null) return
    let answered = false
    pipeline.cancel(client.run.id, 'cancelled by its pusher').then(
      () => (answered = true),
      () => (answered = true),
    )
    await this.until(() => answered || gate.isDead)
  }

  /** Until the control plane says that it is done, or died; that it says neither within `limitMs` is a broken law. */
  async destroy(key: EnvironmentKey, limitMs = 100_000): Promise<void> {
    await this.until(() => this.#instance.pipeline !== null)
    const { pipeline, gate } = this.#instance
    let done = false
    pipeline?.destroy(key, 'simulation').then(
      () => (done = true),
      (error: unknown) => this.world.log.push(`destroy failed: ${String(error)}`),
    )
    if (!(await this.world.clock.run(() => done || gate.isDead, limitMs))) {
      this.world.witness.note(`destroy of ${key.app} hangs`)
    }
  }

  /** What the control plane does every hour, now. */
  async clean(): Promise<void> {
    const { pipeline, gate } = this.#instance
    let answered = false
    pipeline?.clean().then(
      () => (answered = true),
      () => (answered = true),
    )
    await this.until(() => answered || gate.isDead || pipeline === null)
  }

  /** Until the row of this client's run says `live` or is final. */
  async landed(client: Client): Promise<void> {
    await this.until(() => {
      const state = client.run && this.world.witness.states.get(client.run.id)
      return !state || wentLive(state) || isFinal(state)
    })
  }

  async settled(client: Client): Promise<void> {
    await this.until(() => {
      const state = client.run && this.world.witness.states.get(client.run.id)
      return !state || isFinal(state)
    })
  }

  async until(done: () => boolean, limitMs = 200_000): Promise<void> {
    await this.world.clock.run(done, limitMs)
  }

  async branch(key: EnvironmentKey): Promise<CommitId | null> {
    return this.world.repositories.branch(key.app, main, forever)
  }

  async #follow(client: Client): Promise<void> {
    const { pipeline } = this.#instance
    if (pipeline === null) return
    try {
      client.run = await pipeline.submit({ key: client.key, intent: client.intent, by: 'simulation' })
      for await (const event of pipeline.follow(client.run.id, 0, forever)) {
        if (event.kind === 'outcome') client.outcome = event.run
      }
    } catch (error) {
      client.refusal = asAppError(error)
    }
  }

  #newInstance(faults: ReadonlyMap<number, Fault>): Instance {
    return new Instance(this.world, {
      faults,
      lateMs: this.#lateMs,
      plant: this.#plant,
      onCrash: site => void this.#crashed(site),
    })
  }

  /** A service manager: it starts the control plane again a moment later. */
  async #crashed(site: Site): Promise<void> {
    this.crashSite = site
    this.world.log.push(`${Math.round(this.world.clock.monotonic())} killed at ${site.name}, call ${site.call}`)
    const isFirst = this.crashes++ === 0
    if (isFirst && this.#losesDatabase) {
      this.world.loseDatabase()
      this.#store = await this.world.openStore()
    } else if (isFirst && this.#losesMachine) {
      this.world = this.world.restoredElsewhere()
      this.#store = await this.world.openStore()
    } else {
      this.atCrash.push(...(await this.store.openRuns()))
    }
    await this.world.clock.sleep(rebootMs)
    this.#instance = this.#newInstance(new Map())
    if (isFirst) this.gate.crash = this.#nextCrash ?? null
    await this.#boot()
  }

  async #boot(): Promise<void> {
    const instance = this.#instance
    instance.start().catch((error: unknown) => this.world.log.push(`start failed: ${String(error)}`))
    await Promise.resolve()
  }
}

/** What the law says about a run that was open when its control plane died (docs/design/run-states.md). */
export function mustBeCarriedOn(run: Run): boolean {
  return pastNoReturn(run) || goesOnByItself(run)
}
