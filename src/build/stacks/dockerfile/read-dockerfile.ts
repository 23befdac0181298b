import { Budget, requireSize } from '../../../core/bounds.ts'
import { defaults } from '../../../core/defaults.ts'
import { AppError } from '../../../core/errors.ts'
import { argumentsOf, expand } from './words.ts'

/** What we need to know of a Dockerfile before BuildKit sees it. */
export interface Dockerfile {
  /** Images it starts from or copies from, in order, each once: neither its own stages nor `scratch`. */
  readonly images: readonly DockerfileImage[]
  /**
   * The text with its `# syntax=` line made a plain comment: that line names an image on Docker Hub, without which
   * nothing would build; BuildKit's own front end reads the same language. Line numbers stay.
   */
  readonly text: string
}

export interface DockerfileImage {
  /** As written, with the file's own global ARGs filled in. */
  readonly name: string
  /** Starts at 1. */
  readonly line: number
}

interface Instruction {
  readonly keyword: string
  readonly rest: string
  readonly line: number
}

/**
 * Reads only FROM, ARG, COPY, ADD and RUN; everything else, errors too, is left to BuildKit. Each character is looked at a
 * fixed number of times, and what ARGs come to is counted: `budget` rejects what is more (docs/design/limits.md).
 */
export function readDockerfile(
  text: string,
  { args: given = {}, budget = argumentBudget() }: { args?: Readonly<Record<string, string>>; budget?: Budget } = {},
): Dockerfile {
  requireSize(text, { name: 'Dockerfile', bytes: defaults.dockerfileBytes })
  const args = new Map<string, string>()
  const stages = new Set<string>()
  const images = new Map<string, DockerfileImage>()
  let count = 0
  const note = (name: string, line: number) => {
    if (name === '' || name === 'scratch' || stages.has(name.toLowerCase()) || images.has(name)) return
    if (name.length > defaults.imageNameCharacters) {
      throw refusal(line, `the name of an image has more than ${defaults.imageNameCharacters} characters`)
    }
    if (images.size >= defaults.dockerfileImages) {
      throw refusal(line, `it names more than ${defaults.dockerfileImages} images`)
    }
    images.set(name, { name, line })
  }
  for (const { keyword, rest, line } of instructions(text)) {
    if (keyword === 'ARG' && count === 0) {
      inLine(line, () => {
        for (const [name, value] of argumentsOf(rest)) args.set(name, given[name] ?? expand(value, args, budget))
      })
    }
    if (keyword === 'FROM') {
      const [image = '', as, stage] = rest.split(/\s+/).filter(word => !word.startsWith('--'))
      note(
        inLine(line, () => expand(image, args, budget)),
        line,
      )
      if (as?.toUpperCase() === 'AS' && stage) stages.add(stage.toLowerCase())
      count++
    }
    if (keyword === 'COPY' || keyword === 'ADD') {
      for (const [, from = ''] of rest.matchAll(/(?:^|\s)--from=(\S+)/g)) if (!/^\d+$/.test(from)) note(from, line)
    }
    if (keyword === 'RUN') {
      for (const [, mount = ''] of rest.matchAll(/(?:^|\s)--mount=(\S+)/g)) {
        note(/(?:^|,)from=([^,]+)/.exec(mount)?.[1] ?? '', line)
      }
    }
  }
  return { images: [...images.values()], text: withoutSyntax(text) }
}

export function argumentBudget(): Budget {
  return new Budget('characters of ARG values and image names', defaults.dockerfileArgCharacters)
}

/** Says the line of what is too much. */
function inLine<T>(line: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof AppError) throw refusal(line, error.message, error.hint)
    throw error
  }
}

function refusal(line: number, why: string, hint = '"lading limits" lists the limits of the platform.'): AppError {
  return new AppError('invalid-input', `Dockerfile line ${line}: ${why}`, { hint })
}

/** `# name = value`; by hand, because a pattern would try each blank of the value as its end. */
function directiveIn(line: string): readonly [name: string, value: string] | null {
  const text = line.trim()
  const equals = text.indexOf('=')
  if (!text.startsWith('#') || equals < 0) return null
  const name = text.slice(1, equals).trim()
  return /^[a-z]+$/i.test(name) ? [name.toLowerCase(), text.slice(equals + 1).trim()] : null
}

/** Parser directives stand above everything else, blank lines included. */
function directives(lines: readonly string[]): ReadonlyMap<string, { readonly value: string; readonly index: number }> {
  const found = new Map<string, { value: string; index: number }>()
  for (const [index, line] of lines.entries()) {
    const [name, value] = directiveIn(line) ?? []
    if (name === undefined || value === undefined) break
    found.set(name, { value, index })
  }
  return found
}

function withoutSyntax(text: string): string {
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  const found = directives(lines)
  const syntax = found.get('syntax')
  if (!syntax) return text
  // The comment goes below the last directive: above it, it would make the others comments too.
  lines.splice(syntax.index, 1)
  lines.splice(found.size - 1, 0, "# BuildKit's own front end reads this file.")
  return lines.join('\n')
}

function* instructions(text: string): Generator<Instruction> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const escape = directives(lines).get('escape')?.value === '`' ? '`' : '\\'
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let last = lines[index]!.trim()
    if (last === '' || last.startsWith('#')) continue
    // Joined once: text that grows line by line is copied line by line.
    const parts: string[] = []
    while (last.endsWith(escape) && index + 1 < lines.length) {
      const next = lines[++index]!.trim()
      // Comments and blank lines inside a continued instruction are skipped, as Docker does.
      if (next === '' || next.startsWith('#')) continue
      parts.push(last.slice(0, -1))
      last = next
    }
    const whole = [...parts, last].join(' ')
    const [, keyword = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(whole) ?? []
    index = afterHeredocs(keyword, rest, lines, index)
    yield { keyword: keyword.toUpperCase(), rest: rest.trim(), line }
  }
}

/** The index of the last line of the instruction's here-documents (`RUN <<EOF`). */
function afterHeredocs(keyword: string, rest: string, lines: readonly string[], index: number): number {
  if (!/^(RUN|COPY|ADD)$/i.test(keyword)) return index
  for (const [, dash, , word] of rest.matchAll(/(?:^|\s)\d?<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)\2/g)) {
    do index++
    while (index < lines.length && (dash ? lines[index]!.replace(/^\t+/, '') : lines[index]) !== word)
  }
  return index
}
