import { mkdir } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { defaults } from '../../core/defaults.ts'
import { AppError, asAppError } from '../../core/errors.ts'
import { parseCommitId, type AppName, type CommitId, type EnvironmentName } from '../../core/names.ts'
import { visible } from '../../core/visible.ts'
import { listenPrivately } from '../../lib/files.ts'
import { flush, packet, PacketReader } from './packets.ts'
import type { Arrival } from './inspect.ts'
import type { Answer, Command, Push } from './receive.ts'

/** A push that the HTTP listener has let in and whose hook may call. */
export interface Caller {
  readonly app: AppName
  readonly by: string
  /** A robot's environment: it moves that one's branch and nothing else. */
  readonly only?: EnvironmentName
}

export interface ReceiveSocketOptions {
  /** Folder of the socket; only we may enter it. */
  readonly runDir: string
  readonly clock: Clock
  readonly receive: (push: Push, signal: AbortSignal) => Promise<readonly Answer[]>
  /** Rejects with the reason why a push may not come in. */
  readonly inspect: (arrival: Arrival, signal: AbortSignal) => Promise<void>
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

/** How long a hook may take to pass on its last words when we stop: a client that stands still takes for ever. */
const lastWordsMs = 2000
const toGit = 1
const toPusher = 2
const zero = '0'.repeat(40)

/** Our end of the `proc-receive` bridge (images/control/hooks/proc-receive): one connection is one push. */
export class ReceiveSocket {
  readonly path: string
  readonly #options: ReceiveSocketOptions
  readonly #callers = new Map<string, Caller & { readonly abort: AbortController }>()
  readonly #open = new Map<AbortController, Promise<void>>()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor(options: ReceiveSocketOptions) {
    this.#options = options
    this.path = join(options.runDir, 'receive.sock')
    this.#server = createServer(socket => this.#accept(socket))
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await mkdir(this.#options.runDir, { recursive: true, mode: 0o700 })
    // sockaddr_un holds 108 bytes with the final zero, and the socket is made under a longer name.
    if (Buffer.byteLength(this.path) > 102) throw new AppError('invalid-input', `socket path too long: ${this.path}`)
    await listenPrivately(this.#server, this.path)
  }

  /** Tells every open push that we are going down, and waits until each has its answer. */
  async stop(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const reason = new AppError('cancelled', 'Lading is being restarted; push again in a moment')
    for (const controller of this.#open.keys()) controller.abort(reason)
    await Promise.all(this.#open.values())
    const enough = new AbortController()
    const deadline = this.#options.clock.sleep(lastWordsMs, enough.signal).catch(() => {})
    await Promise.race([closed, deadline])
    enough.abort()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  admit(push: string, caller: Caller): void {
    this.#callers.set(push, { ...caller, abort: new AbortController() })
  }

  /** No one may call for this push any more; a call that is going on ends as if its hook had left. */
  forget(push: string): void {
    this.#callers.get(push)?.abort.abort(interrupted())
    this.#callers.delete(push)
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket.once('close', () => this.#sockets.delete(socket)))
    const controller = new AbortController()
    const talk = this.#talk(socket, controller)
      .catch((error: unknown) => {
        if (!controller.signal.aborted) this.#options.log('push-failed', { error: asAppError(error).message })
      })
      .finally(() => {
        this.#open.delete(controller)
        socket.end()
      })
    this.#open.set(controller, talk)
  }

  async #talk(socket: Socket, controller: AbortController): Promise<void> {
    const reader = new PacketReader()
    const gone = () => {
      reader.end()
      controller.abort(interrupted())
    }
    socket
      .on('data', chunk => reader.push(chunk))
      .on('end', gone)
      .on('close', gone)
    // `close` follows, which says it all.
    socket.on('error', () => {})

    const [push = '', question, folder = ''] = ((await reader.next())?.toString() ?? '').split(' ')
    const caller = this.#callers.get(push)
    if (!caller) throw new AppError('not-authenticated', 'a hook called for a push that was not admitted')
    const signal = AbortSignal.any([controller.signal, caller.abort.signal])
    const send = (band: number, payload: string | Buffer) => write(socket, frame(band, payload), signal)

    if (question === 'check') {
      const may = await this.#may({ caller, folder, reader, send }, signal)
      socket.removeListener('end', gone).removeListener('close', gone)
      if (may) await send(toGit, 'ok')
      socket.write(flush)
      return
    }
    const greeting = await reader.section(1)
    const atomic = /\0(?:.* )?atomic(?: |$)/.test(greeting[0] ?? '')
    await send(toGit, Buffer.concat([packet(atomic ? 'version=1\0atomic' : 'version=1'), flush]))
    const commands = (await reader.section(defaults.refsOfPush)).map(parseCommand)
    const { app, by, only } = caller
    const say = (line: string) => send(toPusher, `${printable(line)}\n`)
    const answers = await this.#answers({ app, by, atomic, commands, say, ...(only && { only }) }, signal)
    const report = answers.map(({ ref, reason }) =>
      packet(reason === null ? `ok ${ref}\n` : `ng ${ref} ${printable(reason)}\n`),
    )
    for (const line of report) await send(toGit, line)
    // From here on the hook closes the connection because it is done, not because someone left.
    socket.removeListener('end', gone).removeListener('close', gone)
    // The hook passes it on as the report's end.
    socket.write(flush)
  }

  /** Answers the hook `pre-receive`: the pusher is told why not. */
  async #may({ caller, folder, reader, send }: Question, signal: AbortSignal): Promise<boolean> {
    const { app, only } = caller
    try {
      const refs = (await reader.section(defaults.refsOfPush + 1)).map(parseCommand)
      if (only !== undefined && refs.some(({ ref }) => !ref.startsWith('refs/heads/'))) {
        throw new AppError('not-allowed', `a deploy token pushes the branch of ${only} and nothing else`)
      }
      await this.#options.inspect({ app, quarantine: quarantineIn(folder), refs }, signal)
      return true
    } catch (error) {
      const { code, message, hint } = asAppError(error)
      if (code === 'internal') this.#options.log('push-failed', { app, error: message })
      await send(toPusher, ` !     ${printable(message)}\n`)
      if (hint) await send(toPusher, `       ${printable(hint)}\n`)
      return false
    }
  }

  async #answers(push: Push, signal: AbortSignal): Promise<readonly Answer[]> {
    try {
      return await this.#options.receive(push, signal)
    } catch (error) {
      const { code, message } = asAppError(error)
      if (code === 'internal') this.#options.log('push-failed', { app: push.app, error: message })
      return push.commands.map(({ ref }) => ({ ref, reason: message }))
    }
  }
}

interface Question {
  readonly caller: Caller
  readonly folder: string
  readonly reader: PacketReader
  readonly send: (band: number, payload: string | Buffer) => Promise<void>
}

/** As git names it; it becomes part of a path. */
function quarantineIn(folder: string): string | null {
  if (folder === '') return null
  if (/^(?:tmp_objdir-)?incoming-[A-Za-z0-9]{1,40}$/.test(folder)) return folder
  throw new AppError('internal', `git keeps what came in ${JSON.stringify(folder.slice(0, 100))}`)
}

function interrupted(): AppError {
  return new AppError('cancelled', 'the push was interrupted')
}

function parseCommand(line: string): Command {
  return { from: commitOrNull(line.slice(0, 40)), to: commitOrNull(line.slice(41, 81)), ref: line.slice(82) }
}

function commitOrNull(id: string): CommitId | null {
  return id === zero ? null : parseCommitId(id)
}

/** One line, without colours: what else an app's build log has for a terminal would break the frame or move the pusher's screen. */
function printable(text: string): string {
  return visible(text.slice(0, 16_000).replace(/[\r\n\t]+/g, ' ')).slice(0, 4000)
}

function frame(band: number, payload: string | Buffer): Buffer {
  return packet(Buffer.concat([Buffer.from([band]), Buffer.from(payload as string)]))
}

/** Waits while the other side does not read; not for a side that has gone, nor when we are stopping. */
async function write(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (socket.destroyed || socket.write(bytes) || signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('drain', resolve)
  const onAbort = () => resolve()
  signal.addEventListener('abort', onAbort)
  await promise
  socket.removeListener('drain', resolve)
  signal.removeEventListener('abort', onAbort)
}
