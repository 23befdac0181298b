import type { StepVerdict } from '../../core/release.ts'
import type { PlannedStep } from '../../core/verify-plan.ts'

/**
 * Ends every step of a graph without cycles: each begins when those it needs have ended, and is not run when one of them stands in
 * its way. Rejects with the first rejection of `run`, after all others have ended too: their signal is aborted.
 */
export async function runGraph(
  steps: readonly PlannedStep[],
  run: (step: PlannedStep, signal: AbortSignal) => Promise<StepVerdict>,
  signal: AbortSignal,
): Promise<readonly StepVerdict[]> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const byName = new Map(steps.map(step => [step.name, step]))
  const ends = new Map<string, Promise<StepVerdict>>()
  const endOf = (step: PlannedStep): Promise<StepVerdict> => {
    const known = ends.get(step.name)
    if (known) return known
    const end = begin(step)
    ends.set(step.name, end)
    return end
  }
  const begin = async (step: PlannedStep): Promise<StepVerdict> => {
    const needed = await Promise.all(step.needs.map(name => endOf(byName.get(name)!)))
    const missing = needed.find(isInTheWay)
    if (missing)
      return notRun(step, `needs ${missing.name}, which ${missing.state === 'failed' ? 'failed' : 'was not run'}`)
    return run(step, both)
  }
  const all = steps.map(endOf)
  try {
    return await Promise.all(all)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(all)
    throw error
  }
}

export function notRun({ name, needs, mayFail }: PlannedStep, how: string): StepVerdict {
  return { name, needs, state: 'not-run', how, mayFail, attempts: 0, seconds: 0, counts: null }
}

/** The graph does not pass with it, nor does what needs it begin. */
export function isInTheWay({ state, mayFail }: StepVerdict): boolean {
  return (state === 'failed' && !mayFail) || state === 'not-run'
}
