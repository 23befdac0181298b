import { AppError } from '../../src/core/errors.ts'
import { parseRunId, type EnvironmentKey, type RunId } from '../../src/core/names.ts'
import type { Run, RunIntent } from '../../src/core/run.ts'
import type { RunState } from '../../src/core/states.ts'
import type { Pipeline, RunEvent } from '../../src/pipeline/pipeline.ts'
import { judgeMove, type Repositories } from '../../src/commit/repository.ts'

const signal = new AbortController().signal

/** A pipeline that does what a test says, step by step, and supersedes, cancels and moves branches as the real one. */
export class ScriptedPipeline implements Pick<Pipeline, 'submit' | 'follow' | 'cancel'> {
  readonly runs: ScriptedRun[] = []
  readonly cancels: { readonly run: RunId; readonly reason: string }[] = []
  readonly #repositories: Repositories
  readonly #bell = new Bell()

  constructor(repositories: Repositories) {
    this.#repositories = repositories
  }

  /** The `number`th run (1: the first), once it was submitted. */
  async run(number: number): Promise<ScriptedRun> {
    while (this.runs.length < number) await this.#bell.wait()
    return this.runs[number - 1]!
  }

  /** Resolves when the listener has asked for a cancel this often. */
  async cancelled(times: number): Promise<void> {
    while (this.cancels.length < times) await this.#bell.wait()
  }

  async submit(request: { key: EnvironmentKey; intent: RunIntent; by: string }): Promise<Run> {
    const { key, intent, by } = request
    const next = intent.kind === 'commit' ? intent.commit.slice(0, 7) : intent.kind
    for (const older of this.runs)
      if (older.row.environment === key.environment && older.isOpen && !older.pastNoReturn)
        older.end('superseded', `superseded by ${next}`)
    const id = parseRunId(`run${String(this.runs.length + 1).padStart(8, '0')}`)
    const run = new ScriptedRun({ ...key, id, intent, by, ...blank }, this.#repositories)
    this.runs.push(run)
    this.#bell.ring()
    return run.row
  }

  async *follow(id: RunId, after: number, signal: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
    const run = this.#find(id)
    for (let seq = after; ; seq++) {
      while (run.events.length <= seq) await run.bell.wait(signal)
      const event = run.events[seq]!
      yield event
      if (event.kind === 'outcome') return
    }
  }

  async cancel(id: RunId, reason: string): Promise<Run> {
    const run = this.#find(id)
    this.cancels.push({ run: id, reason })
    this.#bell.ring()
    if (run.pastNoReturn) throw new AppError('conflict', `run ${id} is past the point of no return`)
    if (run.isOpen) run.end('cancelled', reason)
    return run.row
  }

  #find(id: RunId): ScriptedRun {
    const run = this.runs.find(run => run.row.id === id)
    if (!run) throw new AppError('not-found', `no run ${id}`)
    return run
  }
}

export class ScriptedRun {
  readonly events: RunEvent[] = []
  readonly bell = new Bell()
  row: Run
  pastNoReturn = false
  readonly #repositories: Repositories

  constructor(row: Run, repositories: Repositories) {
    this.row = row
    this.#repositories = repositories
  }

  get isOpen(): boolean {
    return this.events.at(-1)?.kind !== 'outcome'
  }

  say(text: string): void {
    this.events.push({ kind: 'line', seq: this.events.length + 1, text })
    this.bell.ring()
  }

  /** Judges and moves the branch as the pipeline does, then says `live`. */
  async live(): Promise<void> {
    const { app, intent } = this.row
    if (intent.kind === 'commit' && intent.move) {
      const { commit, move } = intent
      const from = await judgeMove(this.#repositories, { app, commit, move }, signal)
      await this.#repositories.moveBranch(app, move.branch, { from, to: commit }, signal)
    }
    this.end('live', 'v1 is live')
  }

  end(state: RunState, reason: string, details: readonly string[] = []): void {
    this.row = { ...this.row, state, reason, details }
    this.events.push({ kind: 'outcome', run: this.row })
    this.bell.ring()
  }
}

/** Wakes everybody who waits. */
class Bell {
  #waiting: (() => void)[] = []

  ring(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  wait(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
}

const blank = {
  state: 'queued',
  reason: 'waiting to start',
  createdAt: 0,
  changedAt: 0,
  releasePhaseStarted: false,
  release: null,
  details: [],
} as const
