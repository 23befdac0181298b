import type { Cleaned } from '../build/builder.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import { parseRunId, type AppName, type EnvironmentKey, type RunId } from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { goesOnByItself, type Run, type RunIntent } from '../core/run.ts'
import { isFinal, pastNoReturn, wentLive } from '../core/states.ts'
import { forgetHistory, wantedImages } from './clean.ts'
import { goLive } from './go-live.ts'
import { ActiveRun } from './run-context.ts'
import { liveLines } from './live-message.ts'
import type { Pipeline, RunEvent } from './pipeline.ts'
import { RunProgress } from './progress.ts'
import { isAutomatic, settleOrRollBack } from './settle-or-roll-back.ts'
import type { Deps } from './deps.ts'
import { Traffic } from './traffic.ts'
import { stoppedTypes } from '../rollout/stopped-types.ts'
import { withAbort } from '../lib/async/abort.ts'
import { KeyedMutex } from '../lib/async/mutex.ts'
import { isDestroyed, Upkeep } from './upkeep.ts'
import { StepPlaces } from '../verify/steps/places.ts'
import { watchWarm } from './warm.ts'
import { runStages } from './run-stages.ts'

/**
 * The pipeline of the whole platform: starts runs, supersedes, cancels, carries on after a crash. The rows are the
 * truth; what it keeps in memory (runs under way) only saves reading them. Needs the lease: `signal` is aborted when
 * it is lost, and from then on nothing is written.
 *
 * Simulated in test/simulation: killed at every call of every canonical history (canonical.test.ts), with any call refused, done
 * twice or its answer lost; histories from a seed (random.test.ts); the database and the machine lost.
 */
export class Dispatcher implements Pipeline {
  readonly #deps: Deps
  readonly #signal: AbortSignal
  readonly #progress: RunProgress
  readonly #turns = new KeyedMutex()
  readonly #active = new Map<RunId, ActiveRun>()
  readonly #upkeep: Upkeep
  readonly #traffic: Traffic
  readonly #places: StepPlaces

  constructor(deps: Deps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
    this.#progress = new RunProgress(deps.store, deps.clock)
    this.#upkeep = new Upkeep(deps, signal)
    this.#traffic = new Traffic(deps)
    this.#places = new StepPlaces(() => deps.limits().stepsAtOnce)
  }

  /**
   * After a start: runs before the point of no return are cancelled, those past it are carried on, edges and cluster are
   * brought in line with the rows. Call it before any listener opens (law: kill-anywhere).
   */
  async recover(): Promise<void> {
    const carriedOn: Run[] = []
    for (const run of await this.#deps.store.openRuns()) {
      if (pastNoReturn(run) || goesOnByItself(run)) carriedOn.push(run)
      else
        await this.#stop(
          run,
          'cancelled',
          'the control plane was restarted before the point of no return; nothing has changed',
        )
    }
    // Before any run goes on: what is read here as serving would be old by the time it is routed to.
    for (const key of await this.#deps.store.listEnvironments()) {
      await this.#traffic.toServing(key, this.#signal)
      this.#background('sweep', this.#upkeep.sweep(key))
    }
    for (const run of carriedOn) this.#begin(run)
    for (const { app, destroyedAt, createdBy } of await this.#deps.store.listApps()) {
      if (destroyedAt !== null) this.#background('destroy', this.#remove(app, createdBy))
    }
  }

  async submit({ key, intent, by }: { key: EnvironmentKey; intent: RunIntent; by: string }): Promise<Run> {
    const { store, repositories, ids, clock } = this.#deps
    const app = await store.findApp(key.app)
    if (!app || app.destroyedAt !== null) throw new AppError('not-found', `there is no app ${key.app}`)
    const id = parseRunId(ids.runId())
    const run = await store.insertRun({ ...key, id, intent, by, reason: 'waiting to start', now: clock.now() })
    try {
      if (intent.kind === 'commit') await repositories.pin(key.app, id, intent.commit, this.#signal)
      if (supersedes(intent)) await this.#supersedeOlder(run)
    } catch (error) {
      // No one would ever begin it. When this fails too, the next control plane ends it with the rest.
      const reason = `it could not begin: ${asAppError(error).message}`
      await store.advanceRun(id, 'queued', 'failed', { reason, now: clock.now() }).catch(() => undefined)
      throw error
    }
    this.#begin(run)
    return run
  }

  async *follow(id: RunId, after: number, signal: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
    for (;;) {
      signal.throwIfAborted()
      const news = this.#progress.changed(id)
      const run = await this.#run(id)
      for (const line of await this.#deps.store.readLines(id, after)) {
        after = line.seq
        yield { kind: 'line', seq: line.seq, text: line.text }
      }
      const settledEnough = isFinal(run.state) || (wentLive(run.state) && !this.#active.get(id)?.branchPending)
      if (settledEnough) return yield { kind: 'outcome', run }
      await withAbort(news, signal)
    }
  }

  async cancel(id: RunId, reason: string): Promise<Run> {
    const run = await this.#stop(await this.#run(id), 'cancelled', reason)
    if (run.state === 'cancelled' || isFinal(run.state)) return run
    throw new AppError('conflict', `run ${id} cannot be stopped any more and is carried to its own end`, {
      hint: `Follow it with "lading runs show ${id}"; "lading rollback" goes back afterwards.`,
    })
  }

  async rehost(key: EnvironmentKey): Promise<void> {
    await this.#traffic.toServing(key, this.#signal)
    await this.#traffic.forgetStrangers(this.#signal)
  }

  async destroy(key: EnvironmentKey, by: string): Promise<void> {
    await this.#deps.store.markAppDestroyed(key.app, this.#deps.clock.now())
    await this.#remove(key.app, by)
  }

  async clean(): Promise<Cleaned | null> {
    // As before every delete: a call of an earlier control plane may still make a service of an image that goes.
    await this.#deps.quiet(this.#signal)
    await forgetHistory(this.#deps, this.#signal)
    return this.#deps.builder.clean(() => wantedImages(this.#deps), this.#signal)
  }

  // ——— a run's life

  #begin(run: Run): void {
    const active = new ActiveRun(run, this.#deps, this.#progress, this.#turns)
    this.#active.set(run.id, active)
    this.#background(`run ${run.id}`, this.#carryThrough(active))
  }

  /** The whole life of a run. One that is carried on after a crash enters it again; its row says how far it was. */
  async #carryThrough(active: ActiveRun): Promise<void> {
    let release: Release
    try {
      const deps = { ...this.#deps, places: this.#places, lease: this.#signal }
      release = await runStages(active, deps, AbortSignal.any([active.signal, this.#signal]))
      await goLive(active, release, { ...this.#deps, traffic: this.#traffic }, this.#signal)
    } catch (error) {
      return await this.#failed(active, error)
    } finally {
      active.endTurn()
    }
    await this.#announce(active, release)
    // What this release replaced may be two back by now: it need not stay warm until our own ten seconds are over.
    this.#background('sweep', this.#upkeep.sweep(active.run))
    const crash = await watchWarm(release, this.#deps, this.#signal)
    if (await isDestroyed(active.run, this.#deps)) return
    const supersede = (other: Run, reason: string) => this.#stop(other, 'superseded', reason)
    const wasStopped = async (number: number) =>
      (await stoppedTypes({ ...release, release: number }, this.#deps.engine, this.#signal)).length > 0
    const rollback = await settleOrRollBack(active.run, crash, { ...this.#deps, supersede, wasStopped })
    if (rollback) {
      this.#background('traffic back', this.#traffic.toServing(rollback, this.#signal))
      if (!this.#active.has(rollback.id)) this.#begin(rollback)
    }
    await this.#forget(active)
    await this.#upkeep.sweep(active.run)
  }

  /** Superseded and cancelled runs come here too: their row is final already, and their release is the sweep's. */
  async #failed(active: ActiveRun, error: unknown): Promise<void> {
    if (this.#signal.aborted) return
    const run = await this.#run(active.run.id)
    if (!isFinal(run.state)) {
      const { code, message, hint, details } = asAppError(error)
      if (code === 'internal') this.#deps.log('run failed', { run: run.id, error })
      await this.#deps.store.advanceRun(run.id, run.state, code === 'superseded' ? 'superseded' : 'failed', {
        reason: message,
        // What to do comes before the evidence, which may be long.
        details: hint ? [hint, ...details] : details,
        now: this.#deps.clock.now(),
      })
    }
    await this.#forget(active)
    await this.#traffic.toServing(active.run, this.#signal)
    await this.#upkeep.sweep(active.run)
  }

  async #announce(active: ActiveRun, release: Release): Promise<void> {
    const { run } = active
    const urls = this.#deps.hosts(run).map(host => `${this.#deps.urlOf(host)}/`)
    for (const line of liveLines(release, urls)) active.say(line)
    await this.#progress.flush(run.id)
    active.branchPending = false
    this.#progress.publish(run.id)
  }

  async #forget(active: ActiveRun): Promise<void> {
    await this.#progress.flush(active.run.id)
    this.#active.delete(active.run.id)
    this.#progress.publish(active.run.id)
    this.#progress.forget(active.run.id)
  }

  // ——— superseding, cancelling, destroying

  async #supersedeOlder(newer: Run): Promise<void> {
    for (const older of await this.#deps.store.openRuns()) {
      if (older.id === newer.id) break
      if (environmentId(older) !== environmentId(newer) || !supersedes(older.intent) || isAutomatic(older)) continue
      await this.#stop(older, 'superseded', `superseded by ${whatIs(newer)}`)
    }
  }

  /** Ends a run unless it is past the point of no return; resolves with the row as it is then. */
  async #stop(run: Run, to: 'superseded' | 'cancelled', reason: string): Promise<Run> {
    for (;;) {
      if (pastNoReturn(run) || isFinal(run.state)) return run
      try {
        const stopped = await this.#deps.store.advanceRun(run.id, run.state, to, {
          reason,
          now: this.#deps.clock.now(),
        })
        this.#active.get(run.id)?.abort(new AppError(to, reason))
        this.#progress.publish(run.id)
        return stopped
      } catch (error) {
        // It moved on while we looked: look again.
        if (!(error instanceof AppError && error.code === 'conflict')) throw error
        run = await this.#run(run.id)
      }
    }
  }

  /** Resolves when nothing of the app runs or answers; what an engine holds on to a little longer goes in the background. */
  async #remove(app: AppName, by: string): Promise<void> {
    const { store } = this.#deps
    const inUse: EnvironmentKey[] = []
    for (const key of (await store.listEnvironments()).filter(row => row.app === app)) {
      for (const run of (await store.openRuns()).filter(run => environmentId(run) === environmentId(key))) {
        const { state } = await this.#stop(run, 'cancelled', `${app} was destroyed by ${by}`)
        // A call of it may still be under way, and what it makes would be no one's.
        const ended = isFinal(state) ? this.#active.get(run.id)?.stagesEnded : undefined
        if (ended) await withAbort(ended, this.#signal)
      }
      const endTurn = await this.#turns.take(environmentId(key), this.#signal)
      try {
        await this.#traffic.toServing(key, this.#signal)
        await this.#traffic.forgetStrangers(this.#signal)
        if (!(await this.#upkeep.clear(key))) inUse.push(key)
      } finally {
        endTurn()
      }
    }
    const forgotten = this.#upkeep.forget(app, inUse)
    if (inUse.length === 0) return forgotten
    this.#background('destroy', forgotten)
  }

  // ——— small things

  async #run(id: RunId): Promise<Run> {
    const run = await this.#deps.store.findRun(id)
    if (!run) throw new AppError('not-found', `there is no run ${id}`, { hint: '"lading runs" lists them.' })
    return run
  }

  /** What goes on by itself; its failure is an event, never an unhandled rejection. */
  #background(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#signal.aborted)
        this.#deps.log('background work failed', { what, error: asAppError(error).message, cause: error })
    })
  }
}

/** A push or a rollback says what should run now; a scaling or config change adds to it and waits in line. */
function supersedes(intent: RunIntent): boolean {
  return intent.kind === 'commit' || intent.kind === 'rollback'
}

function whatIs({ intent, id }: Run): string {
  if (intent.kind === 'commit') return `commit ${intent.commit.slice(0, 7)}`
  if (intent.kind === 'rollback') return `a rollback to v${intent.to}`
  return `run ${id}`
}
