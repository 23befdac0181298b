import { AppError } from '../core/errors.ts'
import { count, type Release } from '../core/release.ts'
import type { LogLine } from '../docker/engine.ts'
import type { ProcessView } from '../edge/edges.ts'
import { stoppedHint } from '../core/stopped.ts'
import type { RolloutDeps } from './roll-out.ts'
import { containerPort } from './spec.ts'
import { stoppedTypes } from './stopped-types.ts'

const logLines = 50

interface Symptoms {
  readonly release: Release
  /** Of this release only, as last seen. */
  readonly processes: readonly ProcessView[]
  readonly cause: 'crashed' | 'deadline'
}

/** Why a release did not come up: one sentence, then the sockets it listens on and its last log lines. */
export async function diagnose(symptoms: Symptoms, deps: RolloutDeps, signal: AbortSignal): Promise<AppError> {
  const stopped = (
    await orNothing(
      () => stoppedTypes({ ...symptoms.release, release: symptoms.release.number }, deps.engine, signal),
      signal,
    )
  )[0]
  if (stopped) return new AppError('not-healthy', stopped, { hint: stoppedHint })
  const worst = mostTelling(symptoms.processes) ?? (isShort(symptoms) ? null : symptoms.processes[0])
  if (!worst) {
    return new AppError('not-healthy', notStarted(symptoms), {
      hint: 'The engine may be busy or the node out of reach: see "lading ps" and try again.',
      retryable: true,
    })
  }
  const sockets = worst.state === 'running' ? await orNothing(() => deps.edges.listening(worst, signal), signal) : []
  const log = await orNothing(() => lastLines(worst, deps, signal), signal)
  const { sentence, hint } = explain(worst, sockets, symptoms)
  return new AppError('not-healthy', sentence, {
    hint,
    details: [...socketLines(worst, sockets), ...logSection(worst, log)],
  })
}

/** A crash tells more than a wait. */
function mostTelling(processes: readonly ProcessView[]): ProcessView | undefined {
  const newestFirst = [...processes].sort((a, b) => b.startedAt - a.startedAt)
  return (
    newestFirst.find(process => process.state === 'exited') ??
    newestFirst.find(process => process.type === 'web' && process.proof !== 'proven')
  )
}

/** Those that are there may be all right: then it is the missing ones that are to be told of. */
function isShort({ release, processes }: Symptoms): boolean {
  return processes.length < wanted(release)
}

function notStarted({ release, processes }: Symptoms): string {
  const { bootSeconds } = release.image.settings
  const all = wanted(release)
  return processes.length === 0
    ? `no process of v${release.number} was started within ${bootSeconds} s`
    : `${processes.length} of ${all} processes of v${release.number} were started within ${bootSeconds} s`
}

function wanted(release: Release): number {
  return release.image.processes.reduce((sum, { type }) => sum + count(release, type), 0)
}

function explain(
  process: ProcessView,
  sockets: readonly string[],
  { release }: Symptoms,
): { sentence: string; hint: string } {
  const { name } = process
  const { memory, healthPath, bootSeconds } = release.image.settings
  if (process.state === 'exited') {
    if (process.outOfMemory) {
      return {
        sentence: `${name} was killed for memory (limit ${Math.round(memory / 1024 / 1024)} MB)`,
        hint: 'Raise "memory" in lading.yaml, or let the process use less.',
      }
    }
    if (process.exitCode === 127) {
      return {
        sentence: `${name} crashed with code 127: its command was not found`,
        hint: 'The command stands in the Procfile; the program must be in the image, as a production dependency.',
      }
    }
    return {
      sentence: `${name} crashed with code ${process.exitCode ?? 'unknown'}`,
      hint: `Its last log lines are below, ${logLines} at most: nothing else is kept of a release that did not come up.`,
    }
  }
  const reachable = sockets.some(socket => listensOn(socket, containerPort) && !isLoopback(socket))
  if (reachable && healthPath) {
    return {
      sentence: `${name} listens, but its health check GET ${healthPath} answered ${process.lastCheck ?? 'nothing'} for ${bootSeconds} s`,
      hint: 'The check needs a status of 200 to 399. "healthcheck" in lading.yaml names the path.',
    }
  }
  if (reachable)
    return { sentence: `${name} listens on $PORT but does not accept connections`, hint: 'See its log below.' }
  if (sockets.length > 0) {
    return {
      sentence: `${name} listens on ${sockets.join(', ')}, expected 0.0.0.0:${containerPort}`,
      hint: sockets.some(isLoopback)
        ? 'Listen on 0.0.0.0 and $PORT, not on the loopback address.'
        : 'Listen on the port that the environment variable PORT names.',
    }
  }
  return {
    sentence: `${name} did not listen on $PORT (${containerPort}) within ${bootSeconds} s`,
    hint: 'Listen on 0.0.0.0:$PORT, or raise "timeouts.boot" in lading.yaml.',
  }
}

function listensOn(socket: string, port: number): boolean {
  return socket.endsWith(`:${port}`)
}

function isLoopback(socket: string): boolean {
  return socket.startsWith('127.') || socket.startsWith('[::1]')
}

function socketLines(process: ProcessView, sockets: readonly string[]): string[] {
  if (process.state === 'exited' || process.type !== 'web') return []
  return [
    sockets.length > 0 ? `${process.name} listens on: ${sockets.join(', ')}` : `${process.name} listens on no socket`,
  ]
}

function logSection(process: ProcessView, log: readonly LogLine[]): string[] {
  if (log.length === 0) return [`${process.name} wrote nothing to its log`]
  return [`last log lines of ${process.name}:`, ...log.map(line => `  ${line.text}`)]
}

async function lastLines(process: ProcessView, { engine }: RolloutDeps, signal: AbortSignal): Promise<LogLine[]> {
  return Array.fromAsync(engine.logs(process.container, { node: process.node, tail: logLines, follow: false }, signal))
}

/** A diagnosis with less in it is better than none: the container may be gone by now. */
async function orNothing<T>(ask: () => Promise<readonly T[]>, signal: AbortSignal): Promise<readonly T[]> {
  try {
    return await ask()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AppError) return []
    throw error
  }
}
