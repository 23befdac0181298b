import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { Run } from '../core/run.ts'
import { isFinal, runStates, type RunState } from '../core/states.ts'
import type { Progress } from './progress.ts'
import type { Tools } from './tools.ts'
import type { KeyedMutex } from '../lib/async/mutex.ts'
import type { Journey } from './run-stages.ts'

/** One run under way in this control plane: its row, its signal, its turn. */
export class Trip implements Journey {
  run: Run
  /** Live, but the branch has not moved yet: those who follow must wait for it. */
  isLanding = true
  readonly #tools: Tools
  readonly #progress: Progress
  readonly #turns: KeyedMutex
  readonly #abort = new AbortController()
  #endTurn: (() => void) | null = null

  constructor(run: Run, tools: Tools, progress: Progress, turns: KeyedMutex) {
    this.run = run
    this.#tools = tools
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
    const { store, clock } = this.#tools
    try {
      this.run = await store.advanceRun(this.run.id, this.run.state, to, { reason, now: clock.now() })
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict')) throw error
      throw (await this.#endedMeanwhile()) ?? error
    }
    this.#progress.publish(this.run.id)
  }

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { store } = this.#tools
    const stored = await store.findStep(this.run.id, name)
    if (stored) return stored.result as T
    const result = await work()
    await store.saveStep(this.run.id, name, result)
    return result
  }

  async turn(): Promise<void> {
    this.#endTurn ??= await this.#turns.take(environmentId(this.run), this.#abort.signal)
  }

  endTurn(): void {
    this.#endTurn?.()
    this.#endTurn = null
  }

  say(line: string): void {
    this.#progress.say(this.run.id, line)
  }

  async #endedMeanwhile(): Promise<AppError | null> {
    const row = await this.#tools.store.findRun(this.run.id)
    if (!row || !isFinal(row.state)) return null
    return new AppError(row.state === 'superseded' ? 'superseded' : 'cancelled', row.reason)
  }
}

function order(state: RunState): number {
  return runStates.indexOf(state)
}
