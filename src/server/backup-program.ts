import { spawn, type ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import { jobDescriptor, readFailure, type Job } from '../backup/job.ts'
import { AppError } from '../core/errors.ts'
import { sendChunks } from '../lib/async/chunks.ts'

async function* none(): AsyncGenerator<Uint8Array> {}

export interface BackupProgram {
  readonly process: ChildProcess
  /** Rejects with what the program says of its failure, or with that of its input. To be awaited after its output was read. */
  readonly ended: Promise<void>
}

/** Starts the backup program with its job; when its input fails, it is killed before it could take that for the end. */
export function startBackup(
  program: readonly string[],
  { job, input = none() }: { readonly job: Job; readonly input?: AsyncIterable<Uint8Array> | undefined },
  signal: AbortSignal,
): BackupProgram {
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], signal })
  const jobPipe = child.stdio[jobDescriptor] as Writable
  // It may end before it has read all; its exit tells why.
  jobPipe.on('error', () => {})
  jobPipe.end(JSON.stringify(job))
  let failure: { readonly why: unknown } | null = null
  const sent = sendChunks(input, child.stdin).catch((why: unknown) => {
    failure = { why }
    child.kill('SIGKILL')
  })
  const ended = (async () => {
    try {
      await Promise.all([outcome(child), sent])
    } catch (error) {
      throw failure === null ? error : (failure as { readonly why: unknown }).why
    }
  })()
  // Awaited after its output was read; until then a failure must not count as unhandled.
  ended.catch(() => {})
  return { process: child, ended }
}

function outcome(child: ChildProcess): Promise<void> {
  const said: Buffer[] = []
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killedBy) => {
      if (code === 0) return resolve()
      const stderr = Buffer.concat(said).toString()
      const details = stderr.trim().split('\n').slice(-10)
      const how = killedBy === null ? `exited ${code}` : `was ended by ${killedBy}`
      reject(readFailure(stderr) ?? new AppError('internal', `the backup program ${how}`, { details }))
    })
  })
}
