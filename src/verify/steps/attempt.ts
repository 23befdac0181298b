import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { formatAmount } from '../../core/limits.ts'
import type { Engine, OneOffSpec, OneOffView } from '../../docker/engine.ts'
import { persistently } from '../../lib/async/retry.ts'
import type { StepOutput } from './output.ts'

/** How often the engine is asked while a step talks; the end of its log is the sign that it has ended. */
const pollMs = 1_000
/** After the log's end, until the engine says the code. */
const endPollMs = 50
/** Lines that are read of the end of a step that printed too much to be followed. */
const mostOfTheEnd = 5_000
/** So long the last lines of a step that has ended are waited for. */
const lastLinesMs = 2_000

interface AttemptDeps {
  readonly engine: Engine
  readonly clock: Clock
  /** What is begun is waited for as long as it lasts, so that the sweep of a run that was cancelled comes after. */
  readonly lease: AbortSignal
}

/** Null: it exited 0. Else how it ended, in words. */
export type AttemptEnd = string | null

/**
 * Runs one attempt of a step to its end and removes its container. An engine that is away is asked again until the step's time
 * is over. Aborted, it leaves the container to the sweep.
 */
export async function attempt(
  spec: OneOffSpec,
  { timeoutSeconds, output }: { readonly timeoutSeconds: number; readonly output: StepOutput },
  { engine, clock, lease }: AttemptDeps,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  const patience = { clock, until: clock.monotonic() + timeoutSeconds * 1000, signal }
  const remove = () => persistently(() => engine.removeOneOff(spec.name, signal), patience)
  try {
    await persistently(() => engine.startOneOff(spec, lease), patience)
  } catch (error) {
    if (signal.aborted || !(error instanceof AppError) || error.retryable || error.code === 'lease-lost') throw error
    await remove().catch(() => undefined)
    return `could not be started: ${error.message}`
  }
  const following = new AbortController()
  const log = follow(spec.name, output, engine, AbortSignal.any([signal, following.signal]))
  try {
    const end = await ended(spec.name, { log, timeoutSeconds }, engine, patience)
    const heard = await Promise.race([log, clock.sleep(lastLinesMs, signal)])
    if (heard === 'too much') await readEnd(spec.name, output, engine, signal)
    return end
  } finally {
    following.abort()
    // A later removal finds it by its label; what failed here is no word about the step.
    if (!signal.aborted) await remove().catch(() => undefined)
  }
}

async function ended(
  name: string,
  { log, timeoutSeconds }: { readonly log: Promise<Heard>; readonly timeoutSeconds: number },
  engine: Engine,
  patience: { readonly clock: Clock; readonly until: number; readonly signal: AbortSignal },
): Promise<AttemptEnd> {
  const { clock, until, signal } = patience
  const follower: { heard: Heard | null } = { heard: null }
  void log.then(heard => (follower.heard = heard))
  for (;;) {
    const view = await persistently(() => engine.inspectOneOff(name, signal), patience)
    if (view === null) return 'was removed by someone else: the disk guard, or an operator'
    if (!view.running) return howItEnded(view)
    const left = until - clock.monotonic()
    if (left <= 0) {
      await persistently(() => engine.removeOneOff(name, signal), { ...patience, until: until + pollMs * 10 })
      return `ran longer than ${formatAmount(timeoutSeconds, 'seconds')}`
    }
    const { heard } = follower
    if (heard !== null) await clock.sleep(Math.min(heard === 'all' ? endPollMs : pollMs, left), signal)
    else await Promise.race([log, clock.sleep(Math.min(pollMs, left), signal)])
  }
}

function howItEnded({ exitCode, outOfMemory }: OneOffView): AttemptEnd {
  if (outOfMemory) return 'was killed for memory'
  if (exitCode === 0) return null
  return exitCode === null ? 'never started' : `exited ${exitCode}`
}

type Heard = 'all' | 'too much'

/** Resolves at the end of the log, however it comes: a log that breaks off does not fail a step that goes on. */
async function follow(name: string, output: StepOutput, engine: Engine, signal: AbortSignal): Promise<Heard> {
  try {
    for await (const { text } of engine.logs(name, { follow: true }, signal)) {
      output.take(text)
      if (!output.isEnough) continue
      output.leaveOut()
      return 'too much'
    }
  } catch (error) {
    if (!signal.aborted) output.take(`(its log broke off: ${error instanceof Error ? error.message : String(error)})`)
  }
  return 'all'
}

/** The last lines of a step that printed too much to be followed, and its report, which comes at the very end. */
async function readEnd(name: string, output: StepOutput, engine: Engine, signal: AbortSignal): Promise<void> {
  try {
    for await (const { text } of engine.logs(name, { tail: mostOfTheEnd }, signal)) output.take(text)
  } catch {
    signal.throwIfAborted()
  }
}
