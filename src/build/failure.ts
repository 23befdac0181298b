import { AppError } from '../core/errors.ts'
import type { FailedStep } from './progress.ts'

/** What is known when a build did not succeed. */
export interface BuildFacts {
  readonly failed: FailedStep | null
  readonly lastLines: readonly string[]
  /** What the client said, for failures outside of any step. */
  readonly words: readonly string[]
  /** Kernel kills in the build's cgroup (0 where the kernel does not count them: cgroup v1). */
  readonly memoryKills: number
  /** The memory limit was met, if only to give cache back. */
  readonly memoryLimitMet: boolean
  readonly processLimitMet: boolean
  readonly limits: { readonly memory: number; readonly pids: number }
  readonly how: 'dockerfile' | 'node-built' | 'node-assembled'
}

/** A failed build as one sentence fit for `ng`, with the lines that explain it. */
export function explain(facts: BuildFacts): AppError {
  const { failed, how } = facts
  const details = facts.lastLines.length > 0 ? facts.lastLines : facts.words
  if (!failed) return withoutStep(facts.words)
  const missing = missingImage(failed)
  if (missing) return missing
  const code = exitCode(failed.error)
  const step = stepName(failed.name, how)
  if (code === null) {
    return new AppError('build-failed', `${step}: ${lastWords(failed.error)}`, { details })
  }
  if (facts.memoryKills > 0 || (code === 137 && facts.memoryLimitMet)) {
    const limit = amount(facts.limits.memory)
    return new AppError('build-out-of-memory', `${step} was killed: it needs more memory than a build has (${limit})`, {
      hint: 'Let the build do less at once, or build on a machine with more memory.',
      details,
    })
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
  return missingImage({ name: '', error: text }) ?? new AppError('build-failed', lastWords(text), { details: words })
}

function missingImage({ error }: FailedStep): AppError | null {
  const [, name] = /^(?:ERROR: )?(?:failed to solve: )?(\S+): failed to resolve source metadata for/.exec(error) ?? []
  const [, other] = /failed to resolve source metadata for (\S+?):? /.exec(error) ?? []
  const image = name ?? other
  if (!image) return null
  return new AppError('build-failed', `base image ${image} is not to be had: ${lastWords(error)}`)
}

function exitCode(error: string): number | null {
  const [, code] = /did not complete successfully: exit code: (\d+)/.exec(error) ?? []
  return code === undefined ? null : Number(code)
}

/** `RUN make` of `[3/5] RUN --mount=type=cache,target=/x make`; the steps of our own Dockerfiles without `RUN`. */
function stepName(name: string, how: BuildFacts['how']): string {
  const [first = ''] = name.replace(/^\[[^\]]*\] /, '').split('\n')
  const plain = first.replace(/ --(?:mount|network|security)=\S+/g, '')
  const own = how === 'dockerfile' ? plain : plain.replace(/^RUN /, '')
  return own.length > 100 ? `${own.slice(0, 99)}…` : own
}

/** BuildKit nests its reasons from the left; the last ones say it. */
function lastWords(error: string): string {
  return error
    .replace(/^ERROR: /, '')
    .replace(/^failed to solve: /, '')
    .replace(/^rpc error: code = \w+ desc = /, '')
    .slice(-300)
}

function amount(bytes: number): string {
  const mib = bytes / 1024 / 1024
  return mib >= 1024 ? `${Number((mib / 1024).toFixed(2))} GiB` : `${Math.round(mib)} MiB`
}
