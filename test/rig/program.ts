import { spawn, type SpawnOptions } from 'node:child_process'
import process from 'node:process'

export interface Outcome {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Sees both streams as they come, besides their being kept. */
  readonly onOutput?: (text: string) => void
  /** When aborted, the whole process group is killed and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Runs a program to its end, whatever its exit code. Rejects when it cannot be started or the signal is aborted. */
export async function outcome(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [file, ...rest] = argv
  if (file === undefined) throw new TypeError('an argument array needs a program')
  options.signal?.throwIfAborted()
  const spawnOptions: SpawnOptions = { stdio: ['pipe', 'pipe', 'pipe'], detached: true }
  if (options.env) spawnOptions.env = { ...process.env, ...options.env }
  if (options.cwd) spawnOptions.cwd = options.cwd
  const child = spawn(file, rest, spawnOptions)
  const read = (stream: NodeJS.ReadableStream | null): Buffer[] => {
    const chunks: Buffer[] = []
    stream?.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      options.onOutput?.(chunk.toString())
    })
    return chunks
  }
  const stdout = read(child.stdout)
  const stderr = read(child.stderr)
  const killGroup = (): void => {
    // `detached` made it the leader of a group, and what nsenter forks stays in it.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  options.signal?.addEventListener('abort', killGroup, { once: true })
  // A program may end without reading its input: EPIPE says nothing that its exit code does not.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input)
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        if (options.signal?.aborted) return reject(options.signal.reason)
        resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
      })
    })
  } finally {
    options.signal?.removeEventListener('abort', killGroup)
  }
}

/** Runs a program that must succeed; gives its standard output, rejects with what it said otherwise. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const end = await outcome(argv, options)
  if (end.code === 0) return end.stdout
  const how = end.signal ? `was ended by ${end.signal}` : `exited ${end.code}`
  throw new Error(`${argv.join(' ')} ${how}\n${end.stdout}${end.stderr}`)
}
