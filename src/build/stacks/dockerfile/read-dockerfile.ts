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

/** Reads only FROM, ARG, COPY, ADD and RUN; everything else, errors too, is left to BuildKit. */
export function readDockerfile(text: string): Dockerfile {
  const args = new Map<string, string>()
  const stages = new Set<string>()
  const images = new Map<string, DockerfileImage>()
  let count = 0
  const note = (name: string, line: number) => {
    if (name === '' || name === 'scratch' || stages.has(name.toLowerCase()) || images.has(name)) return
    images.set(name, { name, line })
  }
  for (const { keyword, rest, line } of instructions(text)) {
    if (keyword === 'ARG' && count === 0) for (const [name, value] of argumentsOf(rest, args)) args.set(name, value)
    if (keyword === 'FROM') {
      const [image = '', as, stage] = rest.split(/\s+/).filter(word => !word.startsWith('--'))
      note(expand(image, args), line)
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

const directive = /^\s*#\s*([a-z]+)\s*=\s*(.*?)\s*$/i

/** Parser directives stand above everything else, blank lines included. */
function directives(lines: readonly string[]): ReadonlyMap<string, { readonly value: string; readonly index: number }> {
  const found = new Map<string, { value: string; index: number }>()
  for (const [index, line] of lines.entries()) {
    const [, name, value] = directive.exec(line) ?? []
    if (name === undefined || value === undefined) break
    found.set(name.toLowerCase(), { value, index })
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
    let whole = lines[index]!.trim()
    if (whole === '' || whole.startsWith('#')) continue
    while (whole.endsWith(escape) && index + 1 < lines.length) {
      const next = lines[++index]!.trim()
      // Comments and blank lines inside a continued instruction are skipped, as Docker does.
      if (next !== '' && !next.startsWith('#')) whole = `${whole.slice(0, -1)} ${next}`
    }
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

function* argumentsOf(rest: string, args: ReadonlyMap<string, string>): Generator<readonly [string, string]> {
  for (const [, name = '', , value = ''] of rest.matchAll(/([A-Za-z_][A-Za-z0-9_]*)(=("[^"]*"|'[^']*'|\S*))?/g)) {
    yield [name, expand(value.replace(/^(["'])(.*)\1$/, '$2'), args)]
  }
}

function expand(text: string, args: ReadonlyMap<string, string>): string {
  return text
    .replace(/^(["'])(.*)\1$/, '$2')
    .replace(
      /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([-+])([^}]*))?\}|\$([A-Za-z_][A-Za-z0-9_]*)/g,
      (_, braced, sign, word, bare) => {
        const value = args.get(String(braced ?? bare)) ?? ''
        if (sign === '-') return value === '' ? String(word) : value
        if (sign === '+') return value === '' ? '' : String(word)
        return value
      },
    )
}
