import { request as httpRequest, type IncomingMessage } from 'node:http'
import { AppError } from '../core/errors.ts'
import type { EnvironmentKey } from '../core/names.ts'
import { wholeLines } from '../lib/async/lines.ts'
import type { RetainedLine, RetainedLogs, RetainedLogsQuery } from './retained-logs.ts'

/** The port `RetainedLogs` over the Unix socket of this node's follower. */
export function followerLines(socketPath: string): RetainedLogs {
  return {
    async *lines(query, signal) {
      const answer = await call(socketPath, 'GET', pathOf(query), signal)
      try {
        yield* itemsOf(answer)
      } catch (error) {
        if (signal.aborted) return
        throw error instanceof AppError ? error : away(error)
      } finally {
        answer.destroy()
      }
    },
    async forget({ app, environment }: EnvironmentKey, signal) {
      const answer = await call(socketPath, 'DELETE', `/environments/${app}/${environment}`, signal)
      answer.resume()
    },
  }
}

function pathOf({ app, environment, tail, follow, since, sources }: RetainedLogsQuery): string {
  const query = new URLSearchParams({ tail: String(tail), follow: follow ? '1' : '0' })
  if (since !== undefined) query.set('since', since)
  for (const source of sources) query.append('source', source)
  return `/environments/${app}/${environment}/lines?${query.toString()}`
}

async function* itemsOf(answer: IncomingMessage): AsyncGenerator<RetainedLine, void, undefined> {
  // An empty one says that the follower lives.
  for await (const line of wholeLines(answer.setEncoding('utf8')))
    if (line !== '') yield JSON.parse(line) as RetainedLine
}

async function call(
  socketPath: string,
  method: 'GET' | 'DELETE',
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  signal.throwIfAborted()
  // The command line runs on Node 20 too, which has no Promise.withResolvers.
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, signal, agent: false }, resolve)
    request.on('error', error => reject(signal.aborted ? (signal.reason as Error) : away(error)))
    request.end()
  })
  const status = answer.statusCode ?? 500
  if (status < 400) return answer
  answer.resume()
  throw new AppError(status === 503 ? 'unavailable' : 'internal', `the log follower answered ${status}`, {
    retryable: status === 503,
  })
}

function away(cause: unknown): AppError {
  if ((cause as NodeJS.ErrnoException).code === 'EACCES')
    return new AppError('not-allowed', 'only root may read it', { hint: 'Run it with sudo, on the server.', cause })
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AppError('unavailable', `the log follower does not answer: ${reason}`, {
    hint: 'On the server: "docker logs lading-logs" tells why, "lading up" starts it.',
    retryable: true,
    cause,
  })
}
