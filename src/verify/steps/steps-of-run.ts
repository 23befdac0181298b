import type { Clock } from '../../core/clock.ts'
import { defaults } from '../../core/defaults.ts'
import type { Limits } from '../../core/limits.ts'
import type { Image, StepVerdict, TestCounts } from '../../core/release.ts'
import type { Run } from '../../core/run.ts'
import { verifyName, type PlannedStep, type VerifyPlan } from '../../core/verify-plan.ts'
import type { Engine } from '../../docker/engine.ts'
import { persistently } from '../../lib/async/retry.ts'
import type { Store } from '../../store/store.ts'
import { readReport } from '../reports/read.ts'
import { duration, stepLine } from '../format.ts'
import { attempt } from './attempt.ts'
import { notRun, runGraph } from './graph.ts'
import { RunOutput, StepOutput } from './output.ts'
import type { StepPlaces } from './places.ts'
import { stepKey, stepSpec, verifyLabels } from './spec.ts'

export interface StepRequest {
  readonly run: Run
  readonly image: Image
  /** Steps that passed before are run again. */
  readonly fresh: boolean
  readonly say: (line: string) => void
}

export interface StepDeps {
  readonly engine: Engine
  readonly store: Pick<Store, 'findPassedStep' | 'savePassedStep'>
  readonly clock: Clock
  readonly limits: () => Limits
  readonly places: StepPlaces
  /** Of the control plane; a run's own signal may end before it. */
  readonly lease: AbortSignal
}

/** So long the engine may be away when the network is made (ms). */
const networkMs = 60_000

/** The steps of one run, side by side as far as they need nothing of each other and places are free. */
export class StepsOfRun {
  readonly #request: StepRequest
  readonly #plan: VerifyPlan
  readonly #deps: StepDeps
  readonly #output: RunOutput
  readonly #lastLines = new Map<string, readonly string[]>()
  #network: Promise<void> | null = null
  #setup: Promise<StepVerdict> | null = null

  constructor(request: StepRequest, plan: VerifyPlan, deps: StepDeps) {
    this.#request = request
    this.#plan = plan
    this.#deps = deps
    const setup = plan.setup === null ? [] : ['setup']
    this.#output = new RunOutput(request.say, [...setup, ...plan.steps.map(({ name }) => name)])
  }

  /** In the order of lading.yaml; the set-up first, where it was run. */
  async verdicts(signal: AbortSignal): Promise<readonly StepVerdict[]> {
    const steps = await runGraph(this.#plan.steps, (step, stop) => this.#unlessPassed(step, stop), signal)
    return this.#setup === null ? steps : [await this.#setup, ...steps]
  }

  /** Of the last attempt of a step. */
  lastLines(step: string): readonly string[] {
    return this.#lastLines.get(step) ?? []
  }

  async #unlessPassed(step: PlannedStep, signal: AbortSignal): Promise<StepVerdict> {
    const { run, image, fresh } = this.#request
    const { store, clock } = this.#deps
    const key = stepKey(step, image, this.#plan.setup)
    const { name, needs, mayFail } = step
    const passed = fresh ? null : await store.findPassedStep(run.app, key)
    if (passed) return { ...passed, name, needs, mayFail, state: 'remembered' }
    if (!(await this.#isReady(signal))) return notRun(step, 'the setup failed')
    const verdict = await this.#inPlace(step, signal)
    if (verdict.state === 'passed')
      await store.savePassedStep(run.app, key, { ...verdict, passedIn: run.id }, clock.now())
    return verdict
  }

  /** Network and set-up, made once: when the first step that must run asks for them. */
  async #isReady(signal: AbortSignal): Promise<boolean> {
    this.#network ??= this.#makeNetwork(signal)
    await this.#network
    const { setup: run } = this.#plan
    if (run === null) return true
    const { stepSeconds: timeoutSeconds } = defaults
    const step = { name: 'setup', run, needs: [], env: {}, timeoutSeconds, mayFail: false, retries: 0, reports: null }
    this.#setup ??= this.#inPlace(step, signal)
    return (await this.#setup).state === 'passed'
  }

  async #makeNetwork(signal: AbortSignal): Promise<void> {
    const { engine, clock, lease } = this.#deps
    const { run } = this.#request
    const make = () => engine.ensureNetwork(verifyName(run.id), verifyLabels(run), lease)
    await persistently(make, { clock, until: clock.monotonic() + networkMs, signal })
  }

  async #inPlace(step: PlannedStep, signal: AbortSignal): Promise<StepVerdict> {
    const release = await this.#deps.places.take(this.#request.run.app, signal)
    try {
      const verdict = await this.#attempts(step, signal)
      this.#output.note(stepLine(verdict))
      return verdict
    } finally {
      release()
    }
  }

  async #attempts(step: PlannedStep, signal: AbortSignal): Promise<StepVerdict> {
    const { clock } = this.#deps
    const began = clock.monotonic()
    const { name, needs, mayFail, retries } = step
    for (let attempts = 1; ; attempts++) {
      const { how, counts } = await this.#attempt(step, attempts, signal)
      const facts = { name, needs, mayFail, attempts, counts, seconds: (clock.monotonic() - began) / 1000 }
      if (how === null) return { ...facts, state: 'passed', how: '' }
      if (attempts > retries) return { ...facts, state: 'failed', how }
      this.#output.note(`${name} ${how} after ${duration(facts.seconds)}: attempt ${attempts + 1} of ${retries + 1}`)
    }
  }

  async #attempt(
    step: PlannedStep,
    number: number,
    signal: AbortSignal,
  ): Promise<{ readonly how: string | null; readonly counts: TestCounts | null }> {
    const { run, image } = this.#request
    const spec = stepSpec(step, { run, image, attempt: number }, this.#deps.limits())
    const output = new StepOutput(step, spec.name, this.#output)
    const how = await attempt(spec, { timeoutSeconds: step.timeoutSeconds, output }, this.#deps, signal)
    this.#lastLines.set(step.name, output.tail)
    const counts = output.report === null ? null : readReport(output.report)
    if (step.reports !== null && counts === null)
      this.#output.note(
        `${step.name}: no report could be read from ${step.reports === '-' ? 'its output' : step.reports}`,
      )
    return { how, counts }
  }
}
