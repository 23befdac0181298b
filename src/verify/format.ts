import { isFlaky, type StepVerdict, type TestCounts, type Verdict } from '../core/release.ts'
import { isInTheWay } from './steps/graph.ts'

/** `1.2 s`, `3 min 5 s` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

export function formatCounts({ passed, failed, skipped }: TestCounts): string {
  const all = passed + failed
  const parts = [`${all} ${all === 1 ? 'test' : 'tests'}`, ...(failed > 0 ? [`${failed} failed`] : [])]
  return [...parts, ...(skipped > 0 ? [`${skipped} skipped`] : [])].join(', ')
}

/** `unit failed: exited 1, at attempt 2 (12 tests, 1 failed), 3.4 s` */
export function stepLine(step: StepVerdict): string {
  const { name, state, how, attempts, seconds, counts, mayFail, passedIn } = step
  const tests = counts ? ` (${formatCounts(counts)})` : ''
  switch (state) {
    case 'passed':
      return `${name} passed${isFlaky(step) ? ` at attempt ${attempts}: flaky` : ''}${tests}, ${duration(seconds)}`
    case 'failed':
      return `${name} failed${mayFail ? ', as it may' : ''}: ${how}${tests}, ${duration(seconds)}`
    case 'not-run':
      return `${name} was not run: ${how}`
    case 'remembered':
      return `${name} passed before, in run ${passedIn ?? '?'}${isFlaky(step) ? ' (flaky then)' : ''}${tests}: not run again`
  }
}

/** What is wrong comes first; otherwise the order of lading.yaml. */
export function worstFirst(steps: readonly StepVerdict[]): readonly StepVerdict[] {
  const rank = (step: StepVerdict) =>
    step.state === 'failed' ? (step.mayFail ? 2 : 0) : step.state === 'not-run' ? 1 : isFlaky(step) ? 3 : 4
  return steps.toSorted((a, b) => rank(a) - rank(b))
}

export function verdictOf(steps: readonly StepVerdict[]): Verdict {
  const failed = steps.filter(step => step.state === 'failed' && !step.mayFail)
  if (failed.length > 0)
    return { outcome: 'failed', sentence: `${failed.map(({ name }) => name).join(', ')} failed`, steps }
  return { outcome: steps.some(isInTheWay) ? 'failed' : 'passed', sentence: sentence(steps), steps }
}

/** `3 steps passed (1 remembered, 1 flaky), 1 failed as it may; 240 tests` */
function sentence(steps: readonly StepVerdict[]): string {
  const passed = steps.filter(({ state }) => state === 'passed' || state === 'remembered')
  const of = (count: number, what: string) => (count > 0 ? [`${count} ${what}`] : [])
  const notes = [
    ...of(steps.filter(({ state }) => state === 'remembered').length, 'passed before'),
    ...of(passed.filter(isFlaky).length, 'flaky'),
  ]
  const mild = of(steps.filter(({ state, mayFail }) => state === 'failed' && mayFail).length, 'failed as it may')
  const tests = steps.reduce((sum, { counts }) => sum + (counts ? counts.passed + counts.failed : 0), 0)
  const main = `${passed.length} ${passed.length === 1 ? 'step' : 'steps'} passed${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
  return `${[main, ...mild].join(', ')}${tests > 0 ? `; ${tests} tests` : ''}`
}
