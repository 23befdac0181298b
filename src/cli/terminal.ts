import type { AppError } from '../core/errors.ts'

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const
export type Colour = keyof typeof codes

interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/**
 * Where words go: results to stdout, progress and errors to stderr, so that `lading … --json | jq` works while somebody
 * watches. Colours only on a terminal.
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
    this.#isSilent = false
    this.#out.write(`${line}\n`)
  }

  json(value: unknown): void {
    this.print(JSON.stringify(value, null, 2))
  }

  /** What happens while it happens. */
  say(line: string): void {
    this.#isSilent = false
    this.#err.write(`${line}\n`)
  }

  /** For somebody who watches a terminal that has said nothing yet. */
  sayUnlessSpoken(line: string): void {
    if (this.#isSilent && this.#err.isTTY) this.say(this.#paint(line, 'dim', this.#err))
  }

  /** One red line with the cause, what helps to understand it, and the next step. */
  error(error: AppError, isVerbose: boolean): void {
    this.say(this.#paint(`lading: ${printable(error.message)}`, 'red', this.#err))
    for (const line of error.details) this.say(`  ${printable(line)}`)
    if (error.hint !== undefined) this.say(printable(error.hint))
    if (!isVerbose) return
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) this.say(cause.stack ?? String(cause))
  }

  paint(text: string, colour: Colour): string {
    return this.#paint(text, colour, this.#out)
  }

  /** Columns as wide as their widest cell; the last one is as long as it is. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const cells = rows.map(row => row.map(printable))
    const widths = head.map((title, at) => Math.max(title.length, ...cells.map(row => row[at]?.length ?? 0)))
    const line = (row: readonly string[]) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd()
    this.print(this.paint(line(head), 'dim'))
    for (const row of cells) this.print(line(row))
  }

  #paint(text: string, colour: Colour, stream: Stream): string {
    return this.#hasColor && stream.isTTY ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text
  }
}

/** Names and reasons may come from commits: what could move the cursor or paint the screen is shown as `?`. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '?')
}
