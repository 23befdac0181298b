import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import type { AppName, ImageReference } from '../../core/names.ts'
import type { Secret } from '../../core/secret.ts'
import { withAbort } from '../../lib/async/abort.ts'
import { within } from '../../lib/async/deadline.ts'
import type { BuilderContainer } from './container.ts'
import type { DockerBuild } from '../lading-yaml.ts'
import { writeTar } from '../code-tar.ts'
import type { ExecEnd } from './exec.ts'
import { explain } from './failure.ts'
import { BuildProgress } from './progress.ts'
import type { Pass } from '../registry/gate.ts'
import { clientConfig, sourcePolicy } from '../registry/rights.ts'

export interface BuildJob {
  /** Names the build inside the builder; hexadecimal. */
  readonly id: string
  readonly app: AppName
  /** Programs whose steps are told to the pusher; null: every step is. */
  readonly tells: readonly string[] | null
  /** As it is built: without a syntax line. */
  readonly dockerfile: string
  /** What stays out of the context, before any `.dockerignore` in it; null: the context has none that counts. */
  readonly dockerignore: string | null
  readonly context: Context
  /** Absent: all of the context, the last stage. */
  readonly docker?: DockerBuild
  /** Image names in the Dockerfile that stand for others. */
  readonly instead: Readonly<Record<string, ImageReference>>
  readonly secrets: Readonly<Record<string, Secret>>
  /** Names of the builder's variables that tell the proxy to steps; BuildKit keeps these out of image and cache key. */
  readonly proxy?: readonly string[]
  /** Opens the registry to this build. */
  readonly pass: Pick<Pass, 'user' | 'password'>
  /** `127.0.0.1:5443/shop:<tag>` */
  readonly tag: string
  readonly say: (line: string) => void
}

/** Files by path, or a commit's archive. */
export type Context =
  { readonly files: ReadonlyMap<string, Uint8Array> } | { readonly archive: () => AsyncIterable<Uint8Array> }

export interface BuildDeps {
  readonly container: BuilderContainer
  readonly clock: Clock
  /** Milliseconds. */
  readonly timeLimit: number
}

const stampOfContext = { uid: 0, gid: 0, modified: 0 }
/** 128 + SIGKILL: as what a container's end takes along. */
const killed = 137
/** How long the end of a cancelled build is waited for, before the whole builder is killed (ms). */
const cancelMs = 15_000

/**
 * Builds a Dockerfile in the builder and pushes the image; resolves with the manifest's digest. A step whose process
 * could not be started gets a second try. Rejects as failure.ts words it; `unavailable` (retryable) when the builder went
 * away. Aborted, or above its time, it ends every process of the build before it rejects.
 */
export async function runBuild(job: BuildJob, deps: BuildDeps, signal: AbortSignal): Promise<string> {
  const first = await attempt(job, deps, signal)
  if ('digest' in first) return first.digest
  if (!first.notStarted) throw first.error
  // Seen on a busy machine: runc's init gone before its first word. What never ran has no effects; the rest is in the cache.
  job.say(`       ${first.error.message}; trying once more`)
  const second = await attempt(job, deps, signal)
  if ('digest' in second) return second.digest
  throw second.error
}

type Attempt = { readonly digest: string } | { readonly error: AppError; readonly notStarted: boolean }

async function attempt(job: BuildJob, deps: BuildDeps, signal: AbortSignal): Promise<Attempt> {
  const progress = new BuildProgress(job.say, job.tells === null ? null : stepsOf(job.tells))
  const end = await untilEnd(job, deps, progress, signal)
  progress.end()
  const result = parseResult(end.stdout)
  if (!result) throw withoutResult(progress, end)
  const digest = result.metadata?.['containerimage.digest']
  if (result.exit === 0 && digest) return { digest }
  const error = explain({
    isOwn: job.tells === null,
    failed: progress.failed,
    lastLines: progress.lastLines,
    words: progress.words,
    memoryKills: result.memoryKills,
    memoryLimitMet: result.memoryHits > 0,
    processLimitMet: result.pidsPeak >= deps.container.buildLimits.pids,
    limits: deps.container.buildLimits,
  })
  return { error, notStarted: progress.failed !== null && progress.failed.notStarted !== null }
}

/** Of our own Dockerfiles nothing else is the pusher's affair. */
function stepsOf(programs: readonly string[]): (step: string) => boolean {
  const step = new RegExp(`^RUN (?:[A-Z][A-Z_]*=\\S+ )*(?:${programs.join('|')}) `)
  return text => step.test(text)
}

/** Arguments of `lading-build` in the builder's image: BuildKit's client does the rest. */
export function buildCommand(
  job: Pick<BuildJob, 'id' | 'app' | 'tag' | 'instead' | 'secrets' | 'proxy' | 'docker'>,
): readonly string[] {
  const { context, target, args } = job.docker ?? { context: null, target: null, args: {} }
  return [
    'lading-build',
    job.id,
    job.app,
    job.tag,
    '--push',
    '--provenance=false',
    '--file=build/Dockerfile',
    // Cache mounts of one app are no other's: an app could plant packages there.
    `--build-arg=BUILDKIT_CACHE_MOUNT_NS=${job.app}`,
    ...(job.proxy ?? []).map(name => `--build-arg=${name}`),
    ...Object.entries(job.instead).map(([name, image]) => `--build-context=${name}=docker-image://${image}`),
    ...Object.keys(job.secrets).map(name => `--secret=id=${name},src=secrets/${name}`),
    ...(target === null ? [] : [`--target=${target}`]),
    ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
    context === null ? 'context' : `context/${context}`,
  ]
}

async function untilEnd(
  job: BuildJob,
  deps: BuildDeps,
  progress: BuildProgress,
  signal: AbortSignal,
): Promise<ExecEnd> {
  const { container, clock, timeLimit } = deps
  const limit = { clock, ms: timeLimit, late: () => tooLong(timeLimit) }
  let ending = signal
  const connection = new AbortController()
  const running = container.exec(
    { command: buildCommand(job), stdin: writeTar(contentOf(job)), onStderr: chunk => progress.push(chunk) },
    connection.signal,
  )
  try {
    return await within(limit, over => withAbort(running, (ending = AbortSignal.any([signal, over]))))
  } catch (error) {
    if (ending.aborted) await endTree(job, deps)
    throw connectionLost(error) ?? error
  } finally {
    connection.abort()
    await Promise.allSettled([running])
  }
}

/** Null: it is another error. */
function connectionLost(error: unknown): AppError | null {
  if (!(error instanceof Error && 'code' in error)) return null
  if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') return null
  return new AppError('unavailable', `the connection to the builder was lost during the build (${error.message})`, {
    retryable: true,
    hint: 'The keeper or the engine of this node was restarted. Push again; a build has no effect before it is done.',
    cause: error,
  })
}

function contentOf(job: BuildJob) {
  const files = new Map<string, Uint8Array>([
    ['build/Dockerfile', Buffer.from(job.dockerfile)],
    ['access/config.json', Buffer.from(clientConfig(job.pass.user, job.pass.password.reveal()))],
    ['access/policy.json', Buffer.from(sourcePolicy(job.app))],
  ])
  if (job.dockerignore !== null) files.set('build/Dockerfile.dockerignore', Buffer.from(job.dockerignore))
  for (const [name, secret] of Object.entries(job.secrets)) files.set(`secrets/${name}`, Buffer.from(secret.reveal()))
  if ('archive' in job.context) {
    return { files, commit: { archive: job.context.archive(), folder: 'context' }, stamp: stampOfContext }
  }
  // The folder has to be there, even for a Dockerfile that takes nothing from it.
  if (job.context.files.size === 0) files.set('context/.empty', Buffer.alloc(0))
  for (const [path, bytes] of job.context.files) files.set(`context/${path}`, bytes)
  return { files, stamp: stampOfContext }
}

/** Kills the build's processes; when they cannot be killed one by one, the whole builder. */
async function endTree(job: BuildJob, { container, clock }: BuildDeps): Promise<void> {
  let isLate = false
  const late = () => {
    isLate = true
    return new AppError('unavailable', 'the build does not end', { retryable: true })
  }
  const command = ['lading-build-cancel', job.id, job.app]
  try {
    const { exitCode } = await within({ clock, ms: cancelMs, late }, over => container.exec({ command }, over))
    if (exitCode === 0) return
  } catch (error) {
    // A container that is gone, or does not run, holds no build.
    if (error instanceof AppError && (error.code === 'not-found' || error.code === 'conflict')) return
    if (!isLate) throw error
  }
  await container.kill(new AbortController().signal)
}

const resultSchema = z.object({
  exit: z.number(),
  memoryHits: z.number(),
  memoryKills: z.number(),
  pidsPeak: z.number(),
  metadata: z.object({ 'containerimage.digest': z.string().optional() }).nullable(),
})
type Result = z.infer<typeof resultSchema>

/** Null: `lading-build` itself did not come to its end. */
function parseResult(stdout: string): Result | null {
  return stdout.trimEnd().endsWith('}') ? resultSchema.parse(JSON.parse(stdout)) : null
}

function withoutResult(progress: BuildProgress, { exitCode }: ExecEnd): AppError {
  // Whether the container runs is not asked: an engine notices its end later than that of the program in it.
  if (exitCode === null || exitCode === killed) {
    return new AppError('unavailable', 'the builder was stopped during the build', {
      retryable: true,
      hint: 'Push again; a build has no effect before it is done.',
      details: progress.lastLines,
    })
  }
  const word = progress.words.at(-1) ?? 'the builder gave no reason'
  return new AppError('unavailable', word.replace(/^lading-build: /, ''), { retryable: true, details: progress.words })
}

function tooLong(ms: number): AppError {
  return new AppError('build-failed', `the build took longer than ${Math.round(ms / 60_000)} minutes`, {
    hint: 'A build that waits for input, or for a host that does not answer, never ends.',
  })
}
