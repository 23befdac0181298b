import { defaults } from '../../core/defaults.ts'
import { LineSplitter } from '../../lib/async/lines.ts'

/** What BuildKit tells about one step; `buildx --progress=rawjson` writes one such object after another. */
interface Vertex {
  readonly digest: string
  readonly name: string
  readonly started?: string
  readonly completed?: string
  readonly cached?: boolean
  readonly error?: string
}

interface Report {
  readonly vertexes?: readonly Vertex[]
  readonly logs?: readonly Log[]
}

interface Log {
  readonly vertex: string
  /** 1: what the step wrote to its standard output, 2: to its standard error. */
  readonly stream?: number
  /** Base64. */
  readonly data: string
}

/** What one stream of a step wrote since its last line break. A character of several bytes may come in two pieces. */
type Unfinished = ReturnType<typeof unfinished>

function unfinished() {
  return { decoder: new TextDecoder(), splitter: new LineSplitter(outputBound) }
}

export interface FailedStep {
  /** `[3/5] RUN npm ci` */
  readonly name: string
  readonly error: string
  /** In runc's words why the step's process never came to run; null: it ran. */
  readonly notStarted: string | null
}

/** BuildKit tells it as if the step had written it and exited 1. */
const notStarted = /^runc run failed: (unable to start container process.*)/

/** BuildKit's own housekeeping. */
const hidden = /^\[internal\]|^\[context |load metadata for|^exporting to image$/

const { outputLines: mostLines, outputCharactersOfLine: mostCharacters } = defaults
const keptLines = 50
/** Of a line that has no end yet, and of what explains a failure (characters): a step can write without a line break for ever. */
const heldCharacters = 16 * 1024
const explainingCharacters = 4096
/** Of one object of the client's (characters). */
const objectBound = { characters: 16 * 1024 * 1024, keeps: 'beginning' } as const
const objectLines = 100_000
/** The end of a line is what a terminal would show of it. */
const outputBound = { characters: heldCharacters, keeps: 'end' } as const

/**
 * Turns BuildKit's progress into lines in Heroku's manner as it comes, and keeps what explains a failure. Lines have no
 * control characters; of a line that was drawn over and over (progress bars) the last state is shown. After 2,000 lines
 * of output no more of it is shown.
 */
export class BuildProgress {
  readonly #say: (line: string) => void
  readonly #worthTelling: ((step: string) => boolean) | null
  readonly #shown = new Set<string>()
  /** By step and stream: BuildKit carries each stream by itself, and what one wrote comes between pieces of the other's line. */
  readonly #unfinished = new Map<string, Unfinished>()
  /** The first that each step wrote. */
  readonly #first = new Map<string, string>()
  #splitter = new LineSplitter(objectBound)
  #object: string[] = []
  #lines = 0
  #last: readonly string[] = []
  #failed: FailedStep | null = null
  #words: readonly string[] = []
  readonly #decoder = new TextDecoder()

  /** `worthTelling`: of a Dockerfile of ours, whether a step, such as `RUN npm ci`, is announced; null: all, as written. */
  constructor(say: (line: string) => void, worthTelling: ((step: string) => boolean) | null = null) {
    this.#say = say
    this.#worthTelling = worthTelling
  }

  /** The step that failed first, if one did. */
  get failed(): FailedStep | null {
    return this.#failed
  }

  /** The last 50 lines that steps wrote. */
  get lastLines(): readonly string[] {
    return this.#last
  }

  /** What the client said besides: its last word on a failure among it. */
  get words(): readonly string[] {
    return this.#words
  }

  push(chunk: Uint8Array): void {
    for (const line of this.#splitter.push(this.#decoder.decode(chunk, { stream: true }))) this.#line(line)
  }

  end(): void {
    if (this.#splitter.rest !== '') this.#line(this.#splitter.rest)
    this.#splitter = new LineSplitter(objectBound)
    for (const { splitter } of this.#unfinished.values()) if (splitter.rest !== '') this.#output(splitter.rest)
    this.#unfinished.clear()
  }

  /** Objects come on one line each, or (buildx 0.13) indented over many. */
  #line(line: string): void {
    if (this.#object.length === 0 && !line.startsWith('{')) {
      if (line.trim() !== '') this.#words = [...this.#words, printable(line.slice(0, heldCharacters))].slice(-keptLines)
      return
    }
    this.#object.push(line)
    if (line !== '}' && !(this.#object.length === 1 && line !== '{') && this.#object.length < objectLines) return
    const text = this.#object.join('\n')
    this.#object = []
    const report = reportIn(text)
    if (report) this.#report(report)
    else this.#words = [...this.#words, printable(text.slice(0, heldCharacters))].slice(-keptLines)
  }

  #report(report: Report): void {
    for (const vertex of report.vertexes ?? []) this.#vertex(vertex)
    for (const log of report.logs ?? []) this.#log(log)
  }

  #vertex(vertex: Vertex): void {
    if (vertex.started || vertex.cached) this.#announce(vertex)
    // A step that was cancelled because another one failed also ends with an error.
    if (vertex.error && (!this.#failed || /context canceled/.test(this.#failed.error))) {
      const [, why = null] = notStarted.exec(this.#first.get(vertex.digest) ?? '') ?? []
      const name = vertex.name.slice(0, explainingCharacters)
      this.#failed = { name, error: vertex.error.slice(-explainingCharacters), notStarted: why }
    }
  }

  #announce({ digest, name, cached, completed }: Vertex): void {
    if (this.#shown.has(digest) || hidden.test(name)) return
    // Whether it comes from the cache is only known at its end.
    if (name.startsWith('[') && !cached && !completed && !/ RUN /.test(name)) return
    this.#shown.add(digest)
    const step = withoutOptions(name.slice(0, explainingCharacters).replace(/^\[[^\]]*\] /, ''))
    if (name.startsWith('[') && this.#worthTelling?.(step) === false) return
    const title = /^pushing .* with docker$/.test(name)
      ? 'Pushing the image'
      : firstLine(this.#worthTelling ? firstCommand(name.slice(0, explainingCharacters)) : name)
    this.#say(`       ${title}${cached ? ' (cached)' : ''}`)
  }

  #log({ vertex, stream = 0, data }: Log): void {
    const writer = `${vertex} ${stream}`
    const { decoder, splitter } = this.#unfinished.get(writer) ?? unfinished()
    this.#unfinished.set(writer, { decoder, splitter })
    const text = decoder.decode(Buffer.from(data, 'base64'), { stream: true })
    if (!this.#first.has(vertex))
      this.#first.set(vertex, printable((text.split('\n', 1)[0] ?? '').slice(0, heldCharacters)))
    for (const line of splitter.push(text)) this.#output(line)
  }

  #output(raw: string): void {
    const line = printable(raw.slice(-heldCharacters)).slice(0, mostCharacters)
    this.#last = [...this.#last, line].slice(-keptLines)
    if (this.#lines++ < mostLines) this.#say(`         ${line}`)
    else if (this.#lines === mostLines + 1) this.#say(`         … ${mostLines} lines shown; the rest is left out`)
  }
}

/** Null: it only looked like a report, as a line of someone's Dockerfile in an error can. */
function reportIn(text: string): Report | null {
  try {
    const report = JSON.parse(text) as Partial<Record<keyof Report, unknown>>
    const areLists = [report.vertexes, report.logs].every(list => list === undefined || Array.isArray(list))
    return areLists ? (report as Report) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function firstLine(name: string): string {
  const line = withoutOptions(printable((name.split('\n', 1)[0] ?? '').slice(0, explainingCharacters)))
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}

/** Of a step that we wrote: the rest is what happens where the first does not succeed, or after it. */
export function firstCommand(step: string): string {
  return step.replace(/ (?:&&|\|\|) .*$/s, '')
}

/** A step without the options of its RUN, which say nothing to the one who waits. */
export function withoutOptions(step: string): string {
  return step.replace(/ --(?:mount|network|security)=\S+/g, '')
}

/** What a terminal would show of it, without colours. */
export function printable(raw: string): string {
  const drawn = raw.replace(/\r+$/, '')
  const line = drawn.slice(drawn.lastIndexOf('\r') + 1)
  return line
    .replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*\x07/g, '')
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
}
