import type { Verdict } from '../core/release.ts'
import { stepLine } from '../verify/format.ts'

/** The graph of steps as lines, each with what it came after; nothing where no step is known. */
export function graphLines(verdict: Verdict | null): readonly string[] {
  const steps = verdict?.steps ?? []
  if (verdict === null || steps.length === 0) return []
  const lines = steps.flatMap(step => {
    const after = step.needs.length === 0 ? '' : `   (after ${step.needs.join(', ')})`
    const failures = (step.counts?.failures ?? []).map(test => `      failed test: ${test}`)
    return [
      `  ${step.state === 'passed' || step.state === 'remembered' ? '✓' : '✗'} ${stepLine(step)}${after}`,
      ...failures,
    ]
  })
  return [`Verify: ${verdict.sentence}`, ...lines]
}
