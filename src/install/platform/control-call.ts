import { request, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { AppError, type ErrorCode } from '../../core/errors.ts'
import { paths } from '../paths.ts'

export interface ControlCall {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it comes, instead. */
  readonly stream?: Readable
}

const problem = z.object({
  code: z.string(),
  title: z.string().optional(),
  detail: z.string().optional(),
  hint: z.string().optional(),
  details: z.array(z.string()).optional(),
})

/** What the control plane answers root on its Unix socket; its problems become errors here. Rejects `unavailable` when it does not answer. */
export async function askControl(call: ControlCall, signal: AbortSignal): Promise<unknown> {
  return JSON.parse(await text(await streamControl(call, signal))) as unknown
}

/** The same, as it comes. */
export async function streamControl(
  { method, path, body, stream }: ControlCall,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const type = stream === undefined ? 'application/json' : 'application/octet-stream'
    const headers = method === 'GET' ? {} : { 'content-type': type }
    const outgoing = request({ socketPath: paths.controlSocket, method, path, headers, agent: false, signal }, resolve)
    outgoing.on('error', cause =>
      reject(
        signal.aborted
          ? signal.reason
          : new AppError('unavailable', 'the control plane does not answer', { hint: 'See: lading doctor', cause }),
      ),
    )
    if (stream === undefined) outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    else stream.on('error', error => outgoing.destroy(error)).pipe(outgoing)
  })
  if (answer.statusCode === 200) return answer
  const refusal = problem.parse(JSON.parse(await text(answer)))
  throw new AppError(refusal.code as ErrorCode, refusal.detail ?? refusal.title ?? `it answers ${answer.statusCode}`, {
    ...(refusal.hint === undefined ? {} : { hint: refusal.hint }),
    details: refusal.details ?? [],
  })
}
