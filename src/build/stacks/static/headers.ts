import { patternOf, type Skipped } from './pattern.ts'

export interface Headers {
  readonly http: readonly string[]
  readonly server: readonly string[]
  readonly cache: string
  readonly skipped: readonly Skipped[]
}

/** Those that say how an answer is sent, which the server alone knows. */
const own =
  /^(?:content-(?:length|type|encoding)|transfer-encoding|connection|date|etag|last-modified|location|server|vary)$/

/** A path in a line of its own, and below it, indented, `Name: value`; of several that fit a path the last one counts. */
export function readHeaders(text: string): Headers {
  const values = new Map<string, string[]>()
  const skipped: Skipped[] = []
  let pattern: string | null = null
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const [line, skip] = [raw.trim(), (why: string) => skipped.push({ line: index + 1, why })]
    if (line === '' || line.startsWith('#')) continue
    if (!/^\s/.test(raw)) {
      pattern = patternOf(line)
      if (pattern === null) skip(`${line} is no path`)
      continue
    }
    const [, name = '', value = ''] = /^([A-Za-z0-9-]+)\s*:\s*(.*)$/.exec(line) ?? []
    if (pattern === null) continue
    if (name === '') skip(line.startsWith('!') ? 'no header is taken away here' : 'write "Name: value"')
    else if (own.test(name.toLowerCase())) skip(`${name} is the server's own`)
    // nginx has no sign that takes a dollar its meaning.
    else if (!/^[\x20-\x7E]*$/.test(value) || value.includes('$')) skip('a value has plain signs, without $')
    else values.set(name.toLowerCase(), [...(values.get(name.toLowerCase()) ?? []), entry(pattern, value)])
  }
  const names = [...values.keys()]
  const variable = (name: string) => `$header_${names.indexOf(name)}`
  return {
    http: [
      ...names.map(name => {
        const fallback = name === 'cache-control' ? '$cache' : '""'
        return `map $asked ${variable(name)} { default ${fallback}; ${values.get(name)!.toReversed().join(' ')} }`
      }),
    ],
    server: names
      .filter(name => name !== 'cache-control' && name !== 'x-content-type-options')
      .map(name => `add_header ${name} ${variable(name)} always;`),
    cache: values.has('cache-control') ? variable('cache-control') : '$cache',
    skipped,
  }
}

function entry(pattern: string, value: string): string {
  // Names of a pattern would be variables, and each may be there once in a map.
  const plain = pattern.replace(/\?<way_\w+>/g, '?:')
  return `"~${plain}" "${value.replace(/["\\]/g, '\\$&')}";`
}
