import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Connection, dial, LoadError, type Answer } from './connection.ts'
import type { LoadOptions, RequestStream, UploadStream } from './options.ts'
import { now, type Tally } from './report.ts'

const TIMEOUT_MS = 10_000
const UPLOAD_PIECES = 20

/** One stream of requests; `send(due)` starts one and never waits for another. */
export class Requests {
  readonly #options: LoadOptions
  readonly #stream: RequestStream
  readonly #tally: Tally
  readonly #idle: Connection[] = []
  readonly #head: string

  constructor(options: LoadOptions, stream: RequestStream, tally: Tally) {
    this.#options = options
    this.#stream = stream
    this.#tally = tally
    const end = stream.keepAlive ? '' : 'connection: close\r\n'
    this.#head = `GET ${stream.path} HTTP/1.1\r\nhost: ${stream.host}\r\n${end}\r\n`
  }

  send(due: number): void {
    const connection = this.#connection()
    void settle(this.#tally, { connection, due, timeoutMs: this.#stream.timeoutMs }, async answered => {
      connection.socket.write(this.#head)
      check(await answered, this.#stream.expect ?? '')
    })
  }

  #connection(): Connection {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) if (idle.open) return idle
    return new Connection(dial(this.#options, this.#stream.host), connection => {
      if (this.#stream.keepAlive) this.#idle.push(connection)
    })
  }
}

/** One stream of uploads, each on a connection of its own. */
export class Uploads {
  readonly #options: LoadOptions
  readonly #stream: UploadStream
  readonly #tally: Tally
  readonly #piece: Buffer
  readonly #sha256: string

  constructor(options: LoadOptions, stream: UploadStream, tally: Tally) {
    this.#options = options
    this.#stream = stream
    this.#tally = tally
    this.#piece = Buffer.alloc(Math.ceil(stream.bytes / UPLOAD_PIECES), 'lading ')
    const hash = createHash('sha256')
    for (let n = 0; n < UPLOAD_PIECES; n++) hash.update(this.#piece)
    this.#sha256 = hash.digest('hex')
  }

  send(due: number): void {
    const { host, path, overMs, timeoutMs } = this.#stream
    const connection = new Connection(dial(this.#options, host), () => undefined)
    const limit = timeoutMs ?? overMs + TIMEOUT_MS
    void settle(this.#tally, { connection, due, timeoutMs: limit }, async answered => {
      const bytes = this.#piece.length * UPLOAD_PIECES
      const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n`
      connection.socket.write(`${head}content-type: application/octet-stream\r\ncontent-length: ${bytes}\r\n\r\n`)
      await Promise.race([this.#sendBody(connection, overMs), answered])
      const answer = await answered
      check(answer, '')
      if (!answer.body.includes(this.#sha256) || !answer.body.includes(String(bytes)))
        throw new LoadError('wrong answer')
    })
  }

  async #sendBody(connection: Connection, overMs: number): Promise<void> {
    for (let n = 0; n < UPLOAD_PIECES && !connection.socket.destroyed; n++) {
      connection.socket.write(this.#piece)
      await pause(overMs / UPLOAD_PIECES)
    }
  }
}

interface Attempt {
  readonly connection: Connection
  readonly due: number
  readonly timeoutMs: number | undefined
}

/** Counts one request, whatever becomes of it. The answer is awaited from before the first byte is written. */
async function settle(
  tally: Tally,
  attempt: Attempt,
  request: (answer: Promise<Answer>) => Promise<void>,
): Promise<void> {
  const { connection, due } = attempt
  tally.sent()
  const sent = now()
  const reused = connection.reused
  const answered = connection.expect()
  const timer = setTimeout(() => connection.abandon('time-out'), attempt.timeoutMs ?? TIMEOUT_MS)
  try {
    await request(answered)
    tally.ok({ due, sent, answered: now() }, (await answered).body)
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    tally.failed(error.message, sent, reused)
  } finally {
    clearTimeout(timer)
  }
}

function check(answer: Answer, expect: string): void {
  if (answer.status < 200 || answer.status > 299) throw new LoadError(`status ${answer.status}`)
  if (!answer.body.startsWith(expect)) throw new LoadError('wrong answer')
}
