import { AppError } from '../core/errors.ts'
import type { StepVerdict, Verdict } from '../core/release.ts'
import { StepsOfRun, type StepDeps, type StepRequest } from './steps/steps-of-run.ts'
import { stepLine, verdictOf, worstFirst } from './format.ts'

/** A verdict, and where it is `failed` what helps to understand it: failed tests first, then the last lines. */
export interface Found {
  readonly verdict: Verdict
  readonly evidence: readonly string[]
}

/**
 * Image in, verdict out (docs/design/verify.md): the steps of lading.yaml in containers of the image. Nothing of it survives a
 * crash but the steps that passed; containers and network are the sweep's.
 */
export async function verify(request: StepRequest, deps: StepDeps, signal: AbortSignal): Promise<Found> {
  const plan = request.image.verify
  if (plan === undefined) {
    const sentence = 'Nothing was tested: lading.yaml declares no verify steps.'
    return { verdict: { outcome: 'nothing-tested', sentence }, evidence: [] }
  }
  request.say(`-----> Verifying: ${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'}`)
  const running = new StepsOfRun(request, plan, deps)
  const steps = await running.verdicts(signal)
  for (const step of worstFirst(steps)) request.say(`       ${stepLine(step)}`)
  const verdict = verdictOf(steps)
  return { verdict, evidence: verdict.outcome === 'failed' ? evidenceOf(steps, name => running.lastLines(name)) : [] }
}

/** What refuses the push: `verify: unit failed`. */
export function verifyFailed({ verdict, evidence }: Found): AppError {
  return new AppError('verify-failed', `verify: ${verdict.sentence}`, { details: evidence })
}

function evidenceOf(steps: readonly StepVerdict[], lastLines: (name: string) => readonly string[]): readonly string[] {
  const failed = steps.filter(({ state, mayFail }) => state === 'failed' && !mayFail)
  const tests = failed.flatMap(({ name, counts }) =>
    (counts?.failures ?? []).map(test => `${name}: failed test: ${test}`),
  )
  const last = failed.flatMap(({ name, how }) => [`${name} ${how}`, ...lastLines(name).map(line => `  ${line}`)])
  return [...tests, ...last]
}
