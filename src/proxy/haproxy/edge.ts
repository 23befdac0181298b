import { rm } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import type { DomainName, EnvironmentKey } from '../../core/names.ts'
import type { Secret } from '../../core/secret.ts'
import { Admission, type AdmissionFaults } from '../admission.ts'
import {
  sameEnvironment,
  type EdgeState,
  type LaneSpec,
  type ReleaseKey,
  type Route,
  type SourceLimits,
} from '../../edge/edges.ts'
import { Mutex } from '../../lib/async/mutex.ts'
import * as models from '../model.ts'
import { AppliedModel } from './applied-model.ts'
import { ensureDefaultCertificate, loadCertificate, pemBlocks, unloadCertificate } from './certificates.ts'
import { haproxyConfig, type EdgeSettings } from './config.ts'
import { writeWhole } from '../../lib/files.ts'
import { prepareFolders, writeDerived, writeModel } from './disk.ts'
import { EarlierDrains, sumOf } from './drains.ts'
import type { EdgePaths } from './files.ts'
import type { Predecessor } from './process.ts'
import { poolFor } from './pools.ts'
import { followRing } from '../router-log/ring.ts'
import { Runtime } from './runtime.ts'
import { Supervisor } from './supervisor.ts'

export interface EdgeOptions {
  readonly paths: EdgePaths
  /** Asked at each start of a HAProxy. */
  readonly settings: () => EdgeSettings
  readonly binary: string
  readonly clock: Clock
  readonly log: (line: string) => void
  /** A view of some environment may have changed. */
  readonly changed: () => void
  /** Called with each HAProxy that took over, before the one before it is told to stop. */
  readonly started: (process: number, pid: number) => Promise<void>
  /** Only tests give them. */
  readonly faults?: AdmissionFaults
}

/** One node's edge: what it was told (the model), HAProxy, and who is admitted. Changing calls come one at a time. */
export class HaproxyEdge {
  readonly admission: Admission
  readonly supervisor: Supervisor
  readonly #options: EdgeOptions
  /** What is told to HAProxy must not interleave with a reload. */
  readonly #exclusive = new Mutex()
  readonly #applied: AppliedModel
  #process = 0
  #earlier = new EarlierDrains([])
  #deaths = 0

  constructor(options: EdgeOptions) {
    this.#options = options
    const { clock, log, changed, binary, paths, faults } = options
    this.supervisor = new Supervisor({ binary, paths, clock, log, onDeath: how => void this.#revive(how) })
    this.#applied = new AppliedModel({
      paths,
      exclusive: this.#exclusive,
      runtime: () => this.supervisor.runtime,
      changed,
    })
    this.admission = new Admission({
      clock,
      log,
      changed,
      ...(faults && { faults }),
      exclusive: this.#exclusive,
      model: () => this.#applied.current,
      runtime: () => this.supervisor.runtime,
    })
  }

  get model(): models.EdgeModel {
    return this.#applied.current
  }

  /** Number of the HAProxy that runs: names its sockets. */
  get process(): number {
    return this.#process
  }

  /** Folders and the default certificate; harmless beside another keeper. */
  async prepare(): Promise<void> {
    await prepareFolders(this.#options.paths)
    await ensureDefaultCertificate(this.#options.paths)
  }

  /** Reads what this edge was told, before anything runs. */
  async load(): Promise<void> {
    await this.#applied.load()
  }

  /** Sockets of earlier keepers whose HAProxies may still drain. */
  get earlierSockets(): readonly string[] {
    return this.#earlier.sockets
  }

  /** Starts HAProxy, taking the listeners of `before`. Processes that run should have been put before. */
  async start(before: (Predecessor & { readonly process: number }) | null, earlier: EarlierDrains): Promise<void> {
    await this.#exclusive.run(async () => {
      this.#process = before?.process ?? 0
      this.#earlier = earlier
      const held = before
        ? await new Runtime(before.runtimeSocket, this.#options.clock).slots(this.model.lanes.map(lane => lane.backend))
        : []
      this.admission.adopt(held)
      await this.#replace(before)
    })
  }

  /** Admission, for as long as the signal lives. A slot that goes down is looked at when HAProxy says so. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.admission.run(signal), this.#followSlots(signal)])
  }

  async #followSlots(signal: AbortSignal): Promise<void> {
    for await (const line of followRing(this.supervisor, 'servers', this.#options.clock, signal)) {
      if (line.includes(' is DOWN')) this.admission.ring()
    }
  }

  async allocate(spec: LaneSpec, term: number): Promise<void> {
    poolFor(spec)
    await this.#applied.change(term, async () => {
      if (models.freeBackends(this.model, poolFor(spec).name).length === 0) await this.#refill()
      await this.#applied.commit(models.withLane(this.model, spec, free => this.admission.choose(free)))
      await this.admission.converge()
    })
    this.admission.ring()
    if (models.refilled(this.model) !== this.model) void this.#refillLater()
  }

  async release(release: ReleaseKey, term: number): Promise<void> {
    await this.#applied.change(term, async () => {
      const lane = models.laneOf(this.model, release)
      if (!lane) return
      const after = models.withoutLane(this.model, release)
      await writeModel(this.#options.paths, after)
      await this.admission.empty(lane.backend)
      await this.#applied.commit(after)
    })
  }

  async route(route: Route, term: number): Promise<void> {
    await this.#applied.change(term, () => this.#applied.commit(models.withRoute(this.model, route)))
  }

  async unroute(key: EnvironmentKey, term: number): Promise<void> {
    await this.#applied.change(term, () => this.#applied.commit(models.withoutRoute(this.model, key)))
  }

  async certify(host: DomainName, secret: Secret, term: number): Promise<void> {
    const pem = pemBlocks(secret)
    await this.#applied.change(term, async () => {
      const { paths } = this.#options
      const isNew = !this.model.certificates.includes(host)
      // HAProxy first: one that it refuses would keep the next from starting. Repeated, for the call was not answered.
      await loadCertificate({ runtime: this.supervisor.runtime, paths, host, pem })
      await writeWhole(paths.certificate(host), pem, 0o600)
      if (isNew) await this.#applied.commit({ ...this.model, certificates: [...this.model.certificates, host] })
    })
  }

  /** The model first: a HAProxy that starts meanwhile must not look for a file that is gone. Repeated, it finds what is left. */
  async uncertify(host: DomainName, term: number): Promise<void> {
    await this.#applied.change(term, async () => {
      const { paths } = this.#options
      const certificates = this.model.certificates.filter(one => one !== host)
      const after = models.withHttpsOnly({ ...this.model, certificates }, host, false)
      if (certificates.length < this.model.certificates.length) await this.#applied.commit(after)
      await unloadCertificate(this.supervisor.runtime, paths, host)
      await rm(paths.certificate(host), { force: true })
    })
  }

  async onlyHttps(host: DomainName, isOn: boolean, term: number): Promise<void> {
    await this.#applied.change(term, () => this.#applied.commit(models.withHttpsOnly(this.model, host, isOn)))
  }

  /** They stand in the configuration: another HAProxy takes the listeners. */
  async limitSources(limits: SourceLimits, term: number): Promise<void> {
    await this.#applied.change(term, () => this.#reloadInto(models.withSourceLimits(this.model, limits)))
  }

  async challenge(token: string, answer: string | null, term: number): Promise<void> {
    await this.#applied.change(term, () => this.#applied.commit(models.withChallenge(this.model, token, answer)))
  }

  state(): EdgeState {
    return models.edgeState(this.model)
  }

  /** Rejects `lease-lost` when a higher term has been seen; remembers a higher one first. */
  assertTerm(term: number): Promise<void> {
    return this.#applied.assertTerm(term)
  }

  /** Requests in flight per release of one environment. */
  async inFlight(key: EnvironmentKey): Promise<Readonly<Record<number, number>>> {
    const lanes = this.model.lanes.filter(lane => sameEnvironment(lane.spec, key))
    const own = this.supervisor.inFlight(lanes.map(lane => lane.backend))
    const counts = sumOf([await own, ...(await this.#earlier.counts())])
    return Object.fromEntries(lanes.map(lane => [lane.spec.release, counts.get(lane.backend) ?? 0]))
  }

  /**
   * Resolves when the change at hand is done and no other can begin, until `outcome` is known: `resumed`, or `retired`,
   * after which none ever does here. For the hand-over to another keeper.
   */
  async freeze(outcome: Promise<'resumed' | 'retired'>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const frozen = this.#exclusive.run(async () => {
      resolve()
      if ((await outcome) === 'resumed') return
      this.supervisor.release()
      this.#exclusive.close(new AppError('unavailable', 'another keeper has taken over', { retryable: true }))
    })
    // Asked a second time, after another keeper has taken over.
    frozen.catch(reject)
    await promise
  }

  async #replace(before: Predecessor | null): Promise<void> {
    const { paths, settings } = this.#options
    const next = this.#process + 1
    const admitted = this.admission.admitted()
    await writeDerived(
      paths,
      this.model,
      haproxyConfig({
        paths,
        process: next,
        pools: this.model.pools,
        sources: this.model.sourceLimits,
        admitted,
        edge: settings(),
      }),
    )
    await this.supervisor.replace(next, before)
    this.#process = next
    this.admission.restarted()
    await this.#options.started(next, this.supervisor.running?.pid ?? 0)
  }

  /** For settings that have changed: another HAProxy takes the listeners, as after a refill. */
  reload(): Promise<void> {
    return this.#exclusive.run(() => this.#replace(this.#running()))
  }

  #running(): Predecessor | null {
    const { running } = this.supervisor
    return running && { pid: running.pid, runtimeSocket: running.runtime.path }
  }

  #reloadInto(after: models.EdgeModel): Promise<void> {
    return this.#applied.commitByReload(after, () => this.#replace(this.#running()))
  }

  /** Larger pools and a reload. */
  async #refill(): Promise<void> {
    await this.#reloadInto(models.refilled(this.model))
  }

  /** Off the deploy path: when no process waits for its proof, or after ten seconds at last. */
  async #refillLater(): Promise<void> {
    const { clock, log } = this.#options
    const deadline = clock.monotonic() + 10_000
    while (!this.admission.quiet && clock.monotonic() < deadline) await clock.sleep(200)
    await this.#exclusive
      .run(() => this.#refill())
      .catch((error: unknown) => log(`edge: refill failed: ${String(error)}`))
  }

  /** HAProxy has died: at once the first time, then with growing pauses. */
  async #revive(how: string): Promise<void> {
    const { clock, log } = this.#options
    log(`edge: HAProxy ${how}; starting it again`)
    const wasAlone = ++this.#deaths
    if (wasAlone > 1) await clock.sleep(Math.min(5000, 50 * 2 ** wasAlone))
    try {
      await this.#exclusive.run(() => this.#replace(null))
    } catch (error) {
      return this.#revive(`could not be started: ${error instanceof Error ? error.message : String(error)}`)
    }
    await clock.sleep(10_000)
    this.#deaths = 0
  }
}
