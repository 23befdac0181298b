import { createInterface } from 'node:readline/promises'
import type { AppError } from '../core/errors.ts'
import { visible, visibleJson, visibleLine } from '../core/visible.ts'

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const
export type Colour = keyof typeof codes

interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/**
 * Where words go: results to stdout, progress and errors to stderr, so that `lading … --json | jq` works while someone
 * watches. Colours only on a terminal. Everything that is printed goes through here (lint): whoever wrote it, the terminal
 * obeys nothing of it.
 */
export class Terminal {
  readonly #out: Stream
  readonly #err: Stream
  readonly #hasColor: boolean
  #isSilent = true

  constructor({ out, err, hasColor }: { readonly out: Stream; readonly err: Stream; readonly hasColor: boolean }) {
    this.#out = out
    this.#err = err
    this.#hasColor = hasColor
  }

  print(line: string): void {
    this.#write(this.#out, `${line}\n`)
  }

  json(value: unknown): void {
    this.print(visibleJson(value, 2))
  }

  /** One of many, in a line of its own. */
  jsonLine(value: unknown): void {
    this.print(visibleJson(value))
  }

  /** A value of the user's own: a file or a program gets its very bytes, a terminal sees them. */
  value(text: string): void {
    if (this.#out.isTTY) return this.print(text)
    this.#isSilent = false
    this.#out.write(`${text}\n`)
  }

  /** What happens while it happens. */
  say(line: string): void {
    this.#write(this.#err, `${line}\n`)
  }

  /** The answer that is typed to a question. */
  async ask(question: string, stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<string> {
    this.#isSilent = false
    const readline = createInterface({ input: stdin, output: this.#err as NodeJS.WritableStream })
    try {
      return (await readline.question(visible(question), { signal })).trim()
    } finally {
      readline.close()
    }
  }

  /** For someone who watches a terminal that has said nothing yet. */
  sayUnlessSpoken(line: string): void {
    if (this.#isSilent && this.#err.isTTY) this.say(this.#paint(line, 'dim', this.#err))
  }

  /** One red line with the cause, what helps to understand it, and the next step. */
  error(error: AppError, isVerbose: boolean): void {
    this.say(this.#paint(`lading: ${visibleLine(error.message)}`, 'red', this.#err))
    for (const line of error.details) this.say(`  ${visibleLine(line)}`)
    if (error.hint !== undefined) this.say(visibleLine(error.hint))
    if (!isVerbose) return
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) this.say(cause.stack ?? String(cause))
  }

  paint(text: string, colour: Colour): string {
    return this.#paint(text, colour, this.#out)
  }

  /** Columns as wide as their widest cell; the last one is as long as it is. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const cells = rows.map(row => row.map(visibleLine))
    const widths = head.map((title, at) => Math.max(title.length, ...cells.map(row => row[at]?.length ?? 0)))
    const line = (row: readonly string[]) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd()
    this.print(this.paint(line(head), 'dim'))
    for (const row of cells) this.print(line(row))
  }

  #write(stream: Stream, text: string): void {
    this.#isSilent = false
    stream.write(visible(text, { colours: this.#paints(stream) }))
  }

  #paints(stream: Stream): boolean {
    return this.#hasColor && stream.isTTY === true
  }

  #paint(text: string, colour: Colour, stream: Stream): string {
    return this.#paints(stream) ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text
  }
}
