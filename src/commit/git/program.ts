import { spawn, type ChildProcess } from 'node:child_process'
import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { MiB } from '../../lib/format.ts'

export interface GitProgram {
  /** Folder of the bare repositories. */
  readonly root: string
  /** The whole environment of every git process: nothing of ours or of the machine's configuration leaks in. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Settings travel with each process instead of lying in each repository's file, so that an upgrade changes them for
 * all repositories at once and a hand that edits a repository cannot switch our hook off.
 */
function settings({
  hooks,
  pushBytes = () => defaults.pushBytes,
}: GitProgramOptions): readonly (readonly [key: string, value: string])[] {
  return [
    // Adding, deleting and moving of everything but tags is answered by our bridge; tags go git's own way.
    ['receive.procReceiveRefs', 'adm!:refs/tags'],
    ['core.hooksPath', hooks],
    ['receive.advertiseAtomic', 'true'],
    ['receive.maxInputSize', String(pushBytes())],
    // Packs stay packs: a megabyte of them can be a gigabyte of single objects.
    ['receive.unpackLimit', '1'],
    ['transfer.unpackLimit', '1'],
    // What no one needs any more is not unpacked either, while it waits for its end.
    ['gc.cruftPacks', 'true'],
    // While a stage is silent, a byte a second makes a cut line known even behind a proxy that tells no one.
    ['receive.keepAlive', '1'],
    ['transfer.hideRefs', 'refs/lading'],
    ['http.receivepack', 'true'],
    ['http.getanyfile', 'false'],
    // Refuses `..`, `.git` and the like in trees, which `archive` would hand to the build.
    ['receive.fsckObjects', 'true'],
    // Harmless faults of old tools, found in the history of well-known repositories.
    ...['zeroPaddedFilemode', 'missingSpaceBeforeDate', 'badTimezone', 'missingEmail', 'missingNameBeforeEmail'].map(
      fault => [`receive.fsck.${fault}`, 'ignore'] as const,
    ),
    // Larger blobs are streamed, never held: the memory of a push does not grow with its files.
    ['core.bigFileThreshold', String(32 * MiB)],
    ['core.filesRefLockTimeout', '5000'],
  ]
}

export interface GitProgramOptions {
  readonly root: string
  /** Folder of the hook programs (images/control/hooks). */
  readonly hooks: string
  /** The largest pack a push may send, asked for each push; without it, defaults.pushBytes. */
  readonly pushBytes?: () => number
}

export function gitProgram(options: GitProgramOptions): GitProgram {
  return {
    root: options.root,
    get environment() {
      return environment(options)
    },
  }
}

function environment(options: GitProgramOptions): Readonly<Record<string, string>> {
  const pairs = settings(options)
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: options.root,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    // Of one piece of memory: a pack of some bytes can ask for all there is.
    GIT_ALLOC_LIMIT: String(defaults.gitMemoryBytes),
    GIT_CONFIG_COUNT: String(pairs.length),
    ...Object.fromEntries(
      pairs.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  }
}

/** The environment with further settings, which win over its own. */
export function withSettings(
  environment: Readonly<Record<string, string>>,
  pairs: readonly (readonly [key: string, value: string])[],
): Readonly<Record<string, string>> {
  const count = Number(environment['GIT_CONFIG_COUNT'] ?? 0)
  const more: readonly (readonly [string, string])[] = pairs.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${count + index}`, key],
    [`GIT_CONFIG_VALUE_${count + index}`, value],
  ])
  return { ...Object.fromEntries<string>(more), GIT_CONFIG_COUNT: String(count + pairs.length) }
}

export interface GitResult {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface GitCall {
  readonly signal: AbortSignal
  readonly input?: string
  /** Bytes of output above which the call is ended and rejected with `invalid-input`. Default 256 MiB. */
  readonly limit?: number
  /** Says it then. */
  readonly tooLarge?: string
}

/** Runs git to its end. Rejects with the signal's reason when aborted; a failing exit code is a result. */
export async function runGit(program: GitProgram, args: readonly string[], call: GitCall): Promise<GitResult> {
  call.signal.throwIfAborted()
  const child = spawn('git', args, { env: program.environment, stdio: ['pipe', 'pipe', 'pipe'], signal: call.signal })
  const limit = call.limit ?? 256 * MiB
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  let size = 0
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > limit) child.kill('SIGKILL')
    else stdout.push(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // git may end before it has read its input; its exit code tells the rest.
  child.stdin.on('error', () => {})
  child.stdin.end(call.input ?? '')
  const code = await ended(child, call.signal)
  if (size > limit) {
    throw new AppError('invalid-input', call.tooLarge ?? `git ${args.join(' ')} gives more than ${limit} bytes`)
  }
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}

/** Git's output as it comes; leaving the loop ends git. Rejects `internal` when git fails. */
export async function* streamGit(
  program: GitProgram,
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  signal.throwIfAborted()
  const child = spawn('git', args, { env: program.environment, stdio: ['ignore', 'pipe', 'pipe'], signal })
  const stderr: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const end = ended(child, signal)
  // Awaited below; until then a failure must not count as unhandled.
  end.catch(() => {})
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer
    const code = await end
    if (code !== 0) throw gitError(args, { code, stdout: Buffer.alloc(0), stderr: Buffer.concat(stderr).toString() })
  } finally {
    child.kill('SIGKILL')
  }
}

/** Exit code, once all output was read. */
function ended(child: ChildProcess, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null
    child.on('error', error => (failure = error))
    child.on('close', code => {
      if (signal.aborted) reject(signal.reason)
      else if (failure) reject(new AppError('unavailable', `git cannot be started: ${failure.message}`))
      else resolve(code)
    })
  })
}

export function gitError(args: readonly string[], result: GitResult): AppError {
  const said = result.stderr.trim().split('\n').at(-1) ?? ''
  return new AppError('internal', `git ${args.find(arg => !arg.startsWith('-'))} failed (${result.code}): ${said}`, {
    details: result.stderr.trim().split('\n'),
  })
}
