import { AppError } from './errors.ts'

/**
 * What bounds a parser of what others sent (docs/design/limits.md): its size is looked at before it is parsed, and what it
 * says is counted, not believed. Each refusal is `invalid-input` and names the bound.
 */
export interface TextBound {
  /** How people call it: `Procfile`. */
  readonly name: string
  /** Bytes, as UTF-8. */
  readonly bytes: number
}

/** Rejects what is longer than its bound. No character is less than a byte, so that a long text is not even encoded. */
export function requireSize(text: string, { name, bytes }: TextBound): void {
  if (text.length <= bytes && Buffer.byteLength(text) <= bytes) return
  throw tooMuch(`${name} is larger than ${bytes} bytes`)
}

export interface JsonBound extends TextBound {
  /** Objects and lists within each other. */
  readonly depth: number
  /** Keys and values. */
  readonly values: number
}

/** Rejects JSON that is larger, deeper or has more in it than its bound, by one look at each character. */
export function requireFlatJson(text: string, bound: JsonBound): void {
  requireSize(text, bound)
  let [depth, values, inString] = [0, 1, false]
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (inString) {
      if (character === backslash) at++
      else if (character === quote) inString = false
    } else if (character === quote) inString = true
    else if (character === openBrace || character === openBracket) {
      depth++
      values++
    } else if (character === closeBrace || character === closeBracket) depth--
    else if (character === comma || character === colon) values++
    if (depth > bound.depth) throw tooMuch(`${bound.name} is nested more than ${bound.depth} deep`)
    if (values > bound.values) throw tooMuch(`${bound.name} has more than ${bound.values} keys and values`)
  }
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]

/** Counts what a parser makes: what is small when it is sent can be large when it is expanded. */
export class Budget {
  readonly #of: string
  readonly #most: number
  #spent = 0

  /** `of` ends the sentence "… comes to more than 64": `characters of ARG values`. */
  constructor(of: string, most: number) {
    this.#of = of
    this.#most = most
  }

  get spent(): number {
    return this.#spent
  }

  /** Rejects `invalid-input` at the first that is too much, before it is made. */
  spend(amount: number): void {
    this.#spent += amount
    if (this.#spent > this.#most) throw tooMuch(`it comes to more than ${this.#most} ${this.#of}`)
  }
}

/** What others wrote, short enough for a sentence of ours. */
export function shortened(text: string, most = 200): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

function tooMuch(what: string): AppError {
  return new AppError('invalid-input', what, { hint: 'This is a limit of the platform: "lading limits" lists them.' })
}
