import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { sendChunks } from '../../lib/async/chunks.ts'
import type { EngineHttp } from './engine-http.ts'

export interface Exec {
  readonly container: string
  readonly command: readonly string[]
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly onStderr?: (chunk: Uint8Array) => void
}

export interface ExecEnd {
  /** Null: the container ended with it. */
  readonly exitCode: number | null
  readonly stdout: string
}

/**
 * Runs a program in a running container and waits for its end. An abort closes the connection and rejects with the
 * signal's reason; the program itself lives on, for the engine has no call that ends it.
 */
export async function execIn(engine: EngineHttp, exec: Exec, signal: AbortSignal): Promise<ExecEnd> {
  const create = {
    Cmd: exec.command,
    AttachStdin: exec.stdin !== undefined,
    AttachStdout: true,
    AttachStderr: true,
  }
  const path = `/containers/${exec.container}/exec`
  const { Id: id } = created.parse(await engine.json({ method: 'POST', path, body: create }, signal))
  const start = { method: 'POST', path: `/exec/${id}/start`, body: { Detach: false, Tty: false } } as const
  const socket = await engine.upgrade(start, signal)
  try {
    const [stdout] = await Promise.all([receive(socket, exec.onStderr), sendChunks(exec.stdin ?? empty(), socket)])
    const end = ended.parse(await engine.json({ method: 'GET', path: `/exec/${id}/json` }, signal))
    return { exitCode: end.ExitCode, stdout }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    socket.destroy()
  }
}

const created = z.object({ Id: z.string() })
const ended = z.object({ ExitCode: z.number().nullable() })

async function* empty(): AsyncGenerator<Uint8Array> {}

/** The engine's frames: stream number, three empty bytes, length, then that many bytes. */
async function receive(socket: Duplex, onStderr: Exec['onStderr']): Promise<string> {
  const stdout: Buffer[] = []
  let held = Buffer.alloc(0)
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk as Buffer])
    while (held.length >= 8 && held.length >= 8 + held.readUInt32BE(4)) {
      const body = held.subarray(8, 8 + held.readUInt32BE(4))
      if (held[0] === 2) onStderr?.(body)
      else stdout.push(body)
      held = held.subarray(8 + body.length)
    }
  }
  return Buffer.concat(stdout).toString('utf8')
}
