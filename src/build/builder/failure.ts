import { AppError } from '../../core/errors.ts'
import { registryName } from '../../core/names.ts'
import { firstCommand, withoutOptions, type FailedStep } from './progress.ts'

/** What is known when a build did not succeed. */
export interface BuildFacts {
  readonly failed: FailedStep | null
  readonly lastLines: readonly string[]
  /** What the client said, for failures outside of any step. */
  readonly words: readonly string[]
  /** How many processes of the build the kernel killed for memory. */
  readonly memoryKills: number
  /** The memory limit was met, if only to give cache back. */
  readonly memoryLimitMet: boolean
  readonly processLimitMet: boolean
  readonly limits: { readonly memory: number; readonly pids: number }
  /** The Dockerfile is the pusher's own, and its steps are told as they are written. */
  readonly isOwn: boolean
}

/** A failed build as one sentence fit for `ng`, with the lines that explain it. */
export function explain(facts: BuildFacts): AppError {
  const { failed, isOwn } = facts
  const details = facts.lastLines.length > 0 ? facts.lastLines : facts.words
  if (!failed) return withoutStep(facts.words)
  const missing = missingImage(failed)
  if (missing) return missing
  const code = exitCode(failed.error)
  const step = stepName(failed.name, isOwn)
  if (failed.notStarted !== null) {
    return new AppError('unavailable', `${step} could not be started: ${failed.notStarted}`, {
      retryable: true,
      hint: 'Push again; if it stays so, look at the memory and the kernel log of this node.',
    })
  }
  if (code === null) {
    return new AppError('build-failed', `${step}: ${lastLine(failed.error)}`, { details })
  }
  if (facts.memoryKills > 0 || (code === 137 && facts.memoryLimitMet)) {
    const limit = amount(facts.limits.memory)
    return new AppError(
      'build-out-of-memory',
      `${step} ${code === 137 ? 'was killed' : `exited ${code}`}: it needs more memory than a build has (${limit})`,
      {
        hint: 'Let the build do less at once, or build on a machine with more memory.',
        details,
      },
    )
  }
  const hint = facts.processLimitMet
    ? `The build ran into its limit of ${facts.limits.pids} processes and threads.`
    : facts.memoryLimitMet && code !== 1
      ? `The build ran into its memory limit of ${amount(facts.limits.memory)}.`
      : undefined
  const sentence = code === 137 ? `${step} was killed (exit 137)` : `${step} exited ${code}`
  return new AppError('build-failed', sentence, { details, ...(hint ? { hint } : {}) })
}

function withoutStep(words: readonly string[]): AppError {
  const text = words.findLast(line => line.startsWith('ERROR:')) ?? words.at(-1) ?? 'the builder gave no reason'
  return (
    missingImage({ name: '', error: text, notStarted: null }) ??
    new AppError('build-failed', lastLine(text), { details: words })
  )
}

function missingImage({ name, error }: FailedStep): AppError | null {
  const [, wanted] =
    /load metadata for (\S+)/.exec(name) ?? /(\S+): failed to resolve source metadata/.exec(error) ?? []
  if (!wanted) return null
  const image = wanted.replace(/^docker\.io\/(?:library\/)?/, '')
  // What chooseBases could not read, as in an image's ONBUILD: refused by BuildKit's policy, or by the registry's listener.
  if (image.startsWith(`${registryName}/`) && /denied by policy|403 Forbidden/.test(error)) {
    return new AppError('build-failed', `base image ${image} is the image of another app`)
  }
  return new AppError('build-failed', `base image ${image} is not to be had: ${lastLine(error)}`)
}

function exitCode(error: string): number | null {
  const [, code] = /did not complete successfully: exit code: (\d+)/.exec(error) ?? []
  return code === undefined ? null : Number(code)
}

/** `RUN make` of `[3/5] RUN make`; `npm ci` for the steps of our own Dockerfiles, whose options are ours. */
function stepName(name: string, isOwn: boolean): string {
  const step = withoutOptions(name.replace(/^\[[^\]]*\] /, '').split('\n')[0] ?? '')
  const text = isOwn
    ? step
    : firstCommand(step)
        .replace(/^RUN /, '')
        .replace(/ --\S+/g, '')
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}

/** BuildKit nests its reasons from the left; the last ones say it. */
function lastLine(error: string): string {
  return error
    .replace(/^ERROR: /, '')
    .replace(/^failed to solve: /, '')
    .replace(/^.*failed to resolve source metadata for \S+: /, '')
    .replace(/^failed to (?:do request|compute cache key): /, '')
    .replace(/^failed to calculate checksum of ref [^"]*/, '')
    .slice(-300)
}

function amount(bytes: number): string {
  const mib = bytes / 1024 / 1024
  return mib >= 1024 ? `${Number((mib / 1024).toFixed(2))} GiB` : `${Math.round(mib)} MiB`
}
