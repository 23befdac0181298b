import { AppError, asAppError } from '../../core/errors.ts'
import type { Obstacle } from './obstacle.ts'
import type { StepProgress } from './progress.ts'

/**
 * One step of an installation. Law: a step is done when its check says so, before and after it acted. Killed anywhere,
 * the next run enters the same step again and finishes it.
 */
export interface Step {
  /** What the person reads: `engine`, `cluster address`. */
  readonly title: string
  /** In a few words what is there already; null when there is work to do. Changes nothing. */
  readonly check: (signal: AbortSignal) => Promise<string | null>
  /** What `lading doctor` says where there is work to do; null or absent: that it is missing, or of another version. */
  readonly explain?: (signal: AbortSignal) => Promise<string | readonly Obstacle[] | null>
  /** `lading doctor` has a check of its own for it, which says more. */
  readonly isDoctorsOwn?: true
  /** Does the work; entered again after a crash in the middle of it. */
  readonly act: (say: (line: string) => void, signal: AbortSignal) => Promise<void>
}

/** Runs the steps in order; rejects with the first failure, whose hint is its own, else names the step. */
export async function runSteps(steps: readonly Step[], progress: StepProgress, signal: AbortSignal): Promise<void> {
  for (const step of steps) {
    signal.throwIfAborted()
    await using line = progress.begin(step.title)
    try {
      const before = await step.check(signal)
      if (before !== null) {
        line.unchanged(before)
        continue
      }
      line.working()
      await step.act(text => line.say(text), signal)
      const after = await step.check(signal)
      if (after === null) throw new AppError('internal', `the step "${step.title}" ended without its result`)
      line.done(after)
    } catch (error) {
      throw withHint(asAppError(error), step.title)
    }
  }
}

function withHint(error: AppError, title: string): AppError {
  if (error.hint !== undefined) return error
  const hint = `That was the step "${title}". Run the same command again: what is done stays done.`
  return new AppError(error.code, error.message, { hint, details: error.details, cause: error })
}
