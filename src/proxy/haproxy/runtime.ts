import { connect, type Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { within } from '../../lib/async/deadline.ts'
import { checkAnswerMs, connectMs } from '../slots.ts'
import { mapNames, type MapChange, type MapName, type Maps } from './maps.ts'

/**
 * HAProxy answers in milliseconds. One that has not in so long (ms) is stopped or stuck, and its caller holds up all other
 * changes of this edge: two of its questions end within the ten seconds that the control plane asks again, and within the
 * longest call that a new holder of the lease waits out (docs/design/lease.md).
 */
export const answerMs = 5000

/** HAProxy took the question and gave no answer: unlike one that is not there, it may still do what it was told. */
export class Unanswered extends AppError {
  constructor(path: string, ms: number) {
    super(
      'unavailable',
      `the edge does not answer: HAProxy took a command on ${path} and said nothing for ${ms / 1000} s`,
      {
        retryable: true,
        hint: 'Push again in a minute; if it stays so, restart the edge on the server: docker restart $(docker ps -qf name=lading-keeper)',
      },
    )
  }
}

/**
 * HAProxy's runtime socket. One connection per command: HAProxy closes it after the answer, which is how the answer's
 * end is known. Values must not hold `;`, line ends or spaces: they are checked where they enter (core/names.ts,
 * keeper/requests.ts).
 */
export class Runtime {
  readonly path: string
  readonly #clock: Clock

  constructor(path: string, clock: Clock) {
    this.path = path
    this.#clock = clock
  }

  /** The raw answer. Rejects `unavailable` when no HAProxy listens, and as `Unanswered` when it is silent for `ms`. */
  async ask(command: string, ms = answerMs): Promise<string> {
    return within({ clock: this.#clock, ms, late: () => new Unanswered(this.path, ms) }, async signal => {
      const chunks: string[] = []
      for await (const text of this.stream(command, signal)) chunks.push(text)
      return chunks.join('')
    })
  }

  /** The answer's text as it comes, however long that takes; ends when HAProxy closes or the signal aborts. */
  async *stream(command: string, signal: AbortSignal): AsyncIterable<string> {
    const socket = connect(this.path)
    const stop = () => socket.destroy()
    signal.addEventListener('abort', stop, { once: true })
    try {
      socket.setEncoding('utf8')
      // `end` closes our half; a following command (`show events -w`) would end with it.
      socket.write(`${command}\n`)
      for await (const chunk of socket) yield chunk as string
    } catch (error) {
      if (signal.aborted) return
      throw new AppError('unavailable', 'HAProxy does not answer on its runtime socket', {
        cause: error,
        retryable: true,
      })
    } finally {
      signal.removeEventListener('abort', stop)
      socket.destroy()
    }
  }

  /** Commands that print nothing, or a line of praise, when they work. Rejects `internal`, HAProxy's own text within. */
  async change(commands: readonly string[]): Promise<void> {
    if (commands.length === 0) return
    const answer = await this.ask(commands.join('; '))
    const complaint = answer.split('\n').find(line => line.trim() !== '' && !isPraise(line))
    if (complaint) throw refused(complaint, commands)
  }

  /** Sets, adds or deletes one map entry, then reads it back. */
  async changeMap(change: MapChange, file: (map: MapName) => string): Promise<void> {
    const { map, key } = change
    const words = [change.kind, 'map', file(map), key, ...(change.kind === 'del' ? [] : [change.value])]
    const answer = await this.ask(words.join(' '))
    if (change.kind === 'del') {
      if (await this.#mapValue(file(map), key))
        throw refused(`map ${map} still holds ${key}: ${answer}`, [words.join(' ')])
      return
    }
    const value = await this.#mapValue(file(map), key)
    if (value !== change.value) throw refused(`map ${map} has ${key} as ${value}: ${answer}`, [words.join(' ')])
  }

  /** All maps as HAProxy holds them. */
  async maps(file: (map: MapName) => string): Promise<Maps> {
    const maps: Partial<Record<MapName, ReadonlyMap<string, string>>> = {}
    for (const name of mapNames) {
      const lines = (await this.ask(`show map ${file(name)}`)).split('\n')
      maps[name] = new Map(lines.flatMap(line => pair(line)))
    }
    return maps as Maps
  }

  async #mapValue(file: string, key: string): Promise<string | null> {
    const answer = await this.ask(`get map ${file} ${key}`)
    return /(?:found|match)=yes.*value="([^"]*)"/.exec(answer)?.[1] ?? null
  }

  /** Slots of these backends. */
  async slots(backends: readonly string[]): Promise<readonly SlotState[]> {
    const states: SlotState[] = []
    for (let at = 0; at < backends.length; at += backendsPerLine) {
      const line = backends.slice(at, at + backendsPerLine).map(one => `show servers state ${one}`)
      states.push(...parseServersState(await this.ask(line.join('; '))))
    }
    return states
  }

  /** Requests and open connections now in these backends, queued ones too, by backend. */
  async inFlight(backends: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (backends.length === 0) return new Map()
    return parseInFlight(await this.ask(backends.map(one => `show stat ${one} 2 -1`).join('; ')))
  }

  /** The last check of every slot of one backend in words, by slot name. */
  async lastChecks(backend: string): Promise<ReadonlyMap<string, string>> {
    return parseLastChecks(await this.ask(`show stat ${backend} 4 -1`))
  }
}

function refused(complaint: string, commands: readonly string[]): AppError {
  return new AppError('internal', `the edge could not be changed: HAProxy refused a command (${complaint.trim()})`, {
    hint: 'Push again: the edge then looks at what HAProxy holds. If it is refused again, that is a fault of Lading: report it with these lines.',
    details: commands,
  })
}

/** A command line must fit HAProxy's buffer of 16 KiB. */
const backendsPerLine = 200

/** `0x5581 shop.example.com shop/production` */
function pair(line: string): readonly (readonly [string, string])[] {
  const [id, key, value] = line.trim().split(' ')
  return id?.startsWith('0x') && key && value ? [[key, value]] : []
}

function isPraise(line: string): boolean {
  return /^(IP changed|port changed|no need to change|nothing changed|Transaction created|Committing|Success!|New empty|Inserting|\.+$)/.test(
    line.trim(),
  )
}

export interface SlotState {
  readonly backend: string
  readonly slot: string
  readonly address: string
  readonly up: boolean
  readonly maintenance: boolean
  readonly weight: number
  /** Checks passed since `health down`, or a huge number when the slot is up: field 13 of `show servers state`. */
  readonly passed: number
}

export function parseServersState(text: string): readonly SlotState[] {
  return text.split('\n').flatMap(line => {
    const fields = line.split(' ')
    const [, backend, , slot, address, op, admin, weight, , , , , passed] = fields
    if (fields.length < 19 || line.startsWith('#') || !backend || !slot) return []
    return {
      backend,
      slot,
      address: `${address}:${fields[18]}`,
      up: op === '2',
      // FMAINT (1) and CMAINT (4) with IMAINT (2): CMAINT only says how the slot was configured.
      maintenance: (Number(admin) & 0x23) !== 0,
      weight: Number(weight),
      passed: Number(passed),
    }
  })
}

function csv(text: string): readonly ReadonlyMap<string, string>[] {
  let header: readonly string[] = []
  return text.split('\n').flatMap(line => {
    if (line.startsWith('# ')) header = line.slice(2).split(',')
    else if (line.includes(',')) return [new Map(line.split(',').map((value, at) => [header[at] ?? '', value]))]
    return []
  })
}

function parseInFlight(text: string): ReadonlyMap<string, number> {
  return new Map(csv(text).map(row => [row.get('pxname') ?? '', Number(row.get('scur')) + Number(row.get('qcur'))]))
}

export function parseLastChecks(text: string): ReadonlyMap<string, string> {
  return new Map(csv(text).map(row => [row.get('svname') ?? '', checkText(row)]))
}

/** `L4CON` → `connection refused`, `L7STS` with 503 → `HTTP 503`, … */
function checkText(row: ReadonlyMap<string, string>): string {
  const status = (row.get('check_status') ?? '').replace('* ', '')
  const detail = (row.get('last_chk') ?? '').replaceAll('"', '')
  switch (status) {
    case 'L4CON':
      return /refused/i.test(detail) || detail === '' ? 'connection refused' : detail.toLowerCase()
    case 'L4TOUT':
      return `no connection within ${connectMs / 1000} s`
    case 'L7TOUT':
      return `timeout after ${checkAnswerMs / 1000} s`
    case 'L7STS':
      return `HTTP ${row.get('check_code')}`
    case 'L7RSP':
    case 'L6RSP':
      return 'not a valid HTTP answer'
    case 'L7OK':
    case 'L4OK':
      return 'passed'
    default:
      return status === '' ? 'not checked yet' : `${status} ${detail}`.trim()
  }
}

/**
 * A connection that outlives HAProxy's farewell: opened before an old process stops listening, asked while it drains.
 * It keeps that process alive, so it must be closed in the end.
 */
export class KeptRuntime {
  readonly #path: string
  readonly #clock: Clock
  readonly #socket: Socket
  #buffer = ''
  #waiting: { resolve: (text: string) => void; reject: (error: Error) => void } | null = null
  #last: Promise<unknown> = Promise.resolve()
  #closed: Error | null = null

  private constructor(path: string, socket: Socket, clock: Clock) {
    this.#path = path
    this.#clock = clock
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('HAProxy has ended')))
  }

  static async open(path: string, clock: Clock): Promise<KeptRuntime> {
    const kept = new KeptRuntime(path, connect(path), clock)
    try {
      await kept.ask('prompt')
    } catch (error) {
      kept.close()
      throw error
    }
    return kept
  }

  /**
   * Answers have no names: a question waits until the one before it is answered. Rejects when the process has ended, and
   * as `Unanswered` when it is silent for `ms`; the connection stays, for there is no other way to ask an old process, and
   * who comes after gets the answer to their own question.
   */
  ask(command: string, ms = answerMs): Promise<string> {
    return within({ clock: this.#clock, ms, late: () => new Unanswered(this.#path, ms) }, async signal => {
      const answer = this.#last.then(() => {
        // Its turn has come too late.
        signal.throwIfAborted()
        return this.#askNow(command)
      })
      this.#last = answer.catch(() => undefined)
      return answer
    })
  }

  async #askNow(command: string): Promise<string> {
    if (this.#closed) throw this.#closed
    const answer = new Promise<string>((resolve, reject) => (this.#waiting = { resolve, reject }))
    this.#socket.write(`${command}\n`)
    return answer
  }

  /** Of all backends. */
  async inFlight(ms?: number): Promise<ReadonlyMap<string, number>> {
    return parseInFlight(await this.ask('show stat -1 2 -1', ms))
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(text: string): void {
    this.#buffer += text
    if (!this.#buffer.endsWith('\n> ')) return
    const answer = this.#buffer.slice(0, -2)
    this.#buffer = ''
    this.#waiting?.resolve(answer)
    this.#waiting = null
  }

  #fail(error: Error): void {
    this.#closed ??= error
    this.#waiting?.reject(this.#closed)
    this.#waiting = null
  }
}
