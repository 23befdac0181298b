import { Duplex } from 'node:stream'
import { AppError } from '../../src/core/errors.ts'
import { builderName } from '../../src/build/builder/cage.ts'
import type { EngineCall, EngineHttp } from '../../src/build/builder/engine-http.ts'

/** One run of `lading-build`: its arguments and what came on stdin; it answers through `write`. */
export interface ScriptedExec {
  readonly command: readonly string[]
  readonly stdin: Promise<Buffer>
  /** 1: stdout, 2: stderr. */
  readonly write: (stream: 1 | 2, text: string) => void
  readonly end: (exitCode: number) => void
}

interface Container {
  running: boolean
  readonly body: { readonly Labels?: Readonly<Record<string, string>> }
}

/** An engine with one container, for tests: what runs in it is the test's. */
export class ScriptedEngine implements EngineHttp {
  container: Container | null = null
  /** `POST start`, `exec lading-build`, … in their order. */
  readonly log: string[] = []
  readonly #onExec: (exec: ScriptedExec) => void
  readonly #execs: { command: readonly string[]; exitCode: number | null; socket: Duplex | null }[] = []

  constructor(onExec: (exec: ScriptedExec) => void) {
    this.#onExec = onExec
  }

  async json(call: EngineCall, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    const [, kind, name, verb] = call.path.split('/')
    if (kind === 'exec') return { ExitCode: this.#execs[Number(name)]?.exitCode ?? null }
    if (call.path === '/containers/create') {
      this.log.push('create')
      this.container = { running: false, body: call.body as Container['body'] }
      return { Id: 'one' }
    }
    if (name !== builderName || !this.container) throw new AppError('not-found', `No such container: ${name}`)
    if (verb === 'json')
      return { State: { Running: this.container.running }, Config: { Labels: this.container.body.Labels ?? null } }
    if (verb === 'exec')
      return {
        Id: String(
          this.#execs.push({ command: (call.body as { Cmd: string[] }).Cmd, exitCode: null, socket: null }) - 1,
        ),
      }
    this.log.push(verb ?? call.method)
    if (call.method === 'DELETE') this.container = null
    else if (verb === 'start') this.container.running = true
    else this.die()
    return null
  }

  async upgrade(call: EngineCall, signal: AbortSignal): Promise<Duplex> {
    const exec = this.#execs[Number(call.path.split('/')[2])]!
    const received: Buffer[] = []
    const stdin = Promise.withResolvers<Buffer>()
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => (received.push(chunk), done()),
      final: done => (stdin.resolve(Buffer.concat(received)), done()),
    })
    exec.socket = socket
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
    this.log.push(`exec ${exec.command[0]}`)
    this.#onExec({
      command: exec.command,
      stdin: stdin.promise,
      write: (stream, text) => socket.push(frame(stream, text)),
      end: exitCode => {
        exec.exitCode = exitCode
        socket.push(null)
      },
    })
    return socket
  }

  /** The container ends, and everything in it. */
  die(): void {
    if (this.container) this.container.running = false
    for (const exec of this.#execs) if (exec.exitCode === null) exec.socket?.push(null)
  }
}

function frame(stream: 1 | 2, text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, body])
}
