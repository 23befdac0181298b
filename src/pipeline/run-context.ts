import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { Run } from '../core/run.ts'
import { isFinal, runStates, type RunState } from '../core/states.ts'
import type { RunProgress } from './progress.ts'
import type { Deps } from './deps.ts'
import type { KeyedMutex } from '../lib/async/mutex.ts'

/** A run as its stages see it: its row, and the two things that may be done with it. */
export interface RunContext {
  readonly run: Run
  /** Moves the row forward; no-op when a crash left the run at `to` or further. Rejects `superseded` or `cancelled` when it was. */
  enter(to: RunState, reason: string): Promise<void>
  /** The result of `work`, stored; entered again after a crash, it is answered from the store. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Waits until this run may release: one run of an environment at a time from `releasing` to `live`. */
  turn(): Promise<void>
  say(line: string): void
}

/** A run under way in this control plane: its row, its signal, its turn. */
export class ActiveRun implements RunContext {
  run: Run
  /** The branch has not moved yet, although the run may be live: those who follow must wait for it. */
  branchPending = true
  readonly #deps: Deps
  readonly #progress: RunProgress
  readonly #turns: KeyedMutex
  readonly #abort = new AbortController()
  readonly #stages = Promise.withResolvers<void>()
  #endTurn: (() => void) | null = null

  constructor(run: Run, deps: Deps, progress: RunProgress, turns: KeyedMutex) {
    this.run = run
    this.#deps = deps
    this.#progress = progress
    this.#turns = turns
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  abort(reason: AppError): void {
    this.#abort.abort(reason)
  }

  async enter(to: RunState, reason: string): Promise<void> {
    if (order(this.run.state) >= order(to)) return
    const { store, clock } = this.#deps
    try {
      this.run = await store.advanceRun(this.run.id, this.run.state, to, { reason, now: clock.now() })
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict')) throw error
      throw (await this.#endedMeanwhile()) ?? error
    }
    this.#progress.publish(this.run.id)
  }

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { store } = this.#deps
    const stored = await store.findStep(this.run.id, name)
    if (stored) return stored.result as T
    const result = await work()
    await store.saveStep(this.run.id, name, result)
    return result
  }

  async turn(): Promise<void> {
    this.#endTurn ??= await this.#turns.take(environmentId(this.run), this.#abort.signal)
  }

  /** The stages have ended, and the turn with them. */
  endTurn(): void {
    this.#endTurn?.()
    this.#endTurn = null
    this.#stages.resolve()
  }

  /** Resolves when no stage of it makes anything any more, its release phase and steps of verify included. */
  get stagesEnded(): Promise<void> {
    return this.#stages.promise
  }

  say(line: string): void {
    this.#progress.say(this.run.id, line)
  }

  async #endedMeanwhile(): Promise<AppError | null> {
    const row = await this.#deps.store.findRun(this.run.id)
    if (!row || !isFinal(row.state)) return null
    return new AppError(row.state === 'superseded' ? 'superseded' : 'cancelled', row.reason)
  }
}

function order(state: RunState): number {
  return runStates.indexOf(state)
}
