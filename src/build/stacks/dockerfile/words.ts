import type { Budget } from '../../../core/bounds.ts'
import { AppError } from '../../../core/errors.ts'

/** `${a:-${b:-c}}`: people write two; a reader that calls itself must end. */
const mostNested = 8

/** Name and value of each word of an ARG line; quotes hold a word together. Without a value it is empty. */
export function* argumentsOf(rest: string): Generator<readonly [name: string, value: string]> {
  for (const word of wordsOf(rest)) {
    const [, name] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=|$)/.exec(word) ?? []
    if (name !== undefined) yield [name, word.slice(name.length + 1)]
  }
}

function* wordsOf(text: string): Generator<string> {
  let [start, quote] = [0, '']
  for (let at = 0; at <= text.length; at++) {
    const character = text[at] ?? ''
    if (quote !== '' && character !== '') {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '' || /\s/.test(character)) {
      if (at > start) yield text.slice(start, at)
      start = at + 1
    }
  }
}

/**
 * The text with variables filled in as BuildKit does: `$a`, `${a}`, `${a:-word}`, `${a:+word}`, words within words. What is
 * no variable stays as it is. Each character is read once, what comes out is taken from `budget`; rejects
 * `invalid-input` when that is spent, and for words nested more than eight deep.
 */
export function expand(text: string, values: ReadonlyMap<string, string>, budget: Budget): string {
  const bare = withoutQuotes(text)
  return expandWithin({ text: bare, ends: endsOf(bare), values, budget }, 0, bare.length, 0)
}

interface Reading {
  readonly text: string
  /** Where the brace ends that begins at `$`. */
  readonly ends: ReadonlyMap<number, number>
  readonly values: ReadonlyMap<string, string>
  readonly budget: Budget
}

function expandWithin(reading: Reading, from: number, to: number, depth: number): string {
  if (depth > mostNested) {
    throw new AppError('invalid-input', `variables are nested more than ${mostNested} deep`)
  }
  const { text, budget } = reading
  const parts: string[] = []
  const add = (part: string) => {
    budget.spend(part.length)
    parts.push(part)
  }
  let at = from
  while (at < to) {
    const dollar = text.indexOf('$', at)
    if (dollar < 0 || dollar >= to) break
    if (dollar > at) add(text.slice(at, dollar))
    const [value, next] = variableAt(reading, dollar, depth)
    add(value)
    at = next
  }
  if (at < to) add(text.slice(at, to))
  return parts.join('')
}

/** What stands for the variable at `$`, and where the text goes on. */
function variableAt(reading: Reading, dollar: number, depth: number): readonly [value: string, next: number] {
  const { text, ends, values } = reading
  const isBraced = text[dollar + 1] === '{'
  const start = dollar + (isBraced ? 2 : 1)
  const name = nameAt(text, start)
  const after = start + name.length
  if (name === '') return ['$', dollar + 1]
  const value = values.get(name) ?? ''
  if (!isBraced) return [value, after]
  const end = ends.get(dollar)
  if (end === undefined) return [text.slice(dollar, after), after]
  if (after === end) return [value, end + 1]
  const sign = text.slice(after, after + 2)
  const word = () => expandWithin(reading, after + 2, end, depth + 1)
  if (sign === ':-') return [value === '' ? word() : value, end + 1]
  if (sign === ':+') return [value === '' ? '' : word(), end + 1]
  return [text.slice(dollar, after), after]
}

function nameAt(text: string, start: number): string {
  const name = /[A-Za-z_][A-Za-z0-9_]*/y
  name.lastIndex = start
  return name.exec(text)?.[0] ?? ''
}

/** Where each `${` ends, found in one go: looked for at each of them, it would be the square of them. */
function endsOf(text: string): ReadonlyMap<number, number> {
  const open: number[] = []
  const ends = new Map<number, number>()
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '$' && text[at + 1] === '{') open.push(at++)
    else if (text[at] === '}') {
      const start = open.pop()
      if (start !== undefined) ends.set(start, at)
    }
  }
  return ends
}

function withoutQuotes(text: string): string {
  const quote = text[0]
  const isQuoted = text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote)
  return isQuoted ? text.slice(1, -1) : text
}
