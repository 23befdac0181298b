type Version = readonly [number, number, number]

/**
 * Whether a version is within a range as package.json's `engines` writes it (`>=20`, `^22 || 24.x`, `20 - 24`). Null
 * when the range is beyond what is read here; prereleases count as their version.
 */
export function satisfies(version: string, range: string): boolean | null {
  const subject = parse(version)
  if (!subject) return null
  const results = range.split('||').map(part => within(subject, part.trim()))
  return results.includes(true) ? true : results.includes(null) ? null : false
}

function within(subject: Version, part: string): boolean | null {
  const [, from, to] = /^(\S+)\s+-\s+(\S+)$/.exec(part) ?? []
  if (from && to) return all([compare(subject, `>=${from}`), compare(subject, `<=${to}`)])
  const words = part.replace(/([<>=^~]+)\s+/g, '$1').split(/\s+/)
  return all(words.filter(word => word !== '').map(word => compare(subject, word)))
}

function all(results: readonly (boolean | null)[]): boolean | null {
  return results.includes(false) ? false : results.includes(null) ? null : true
}

function compare(subject: Version, comparator: string): boolean | null {
  const [, operator = '', text = ''] = /^(\^|~>?|>=|<=|>|<|=)?v?(.+)$/.exec(comparator) ?? []
  if (/^[*xX]$/.test(text)) return true
  const given = text
    .split(/[-+]/)[0]!
    .split('.')
    .filter(number => !/^[*xX]$/.test(number))
  const low = parse(given.join('.'))
  if (!low) return null
  // The first version past what was written: 24 → 25.0.0, 24.1 → 24.2.0, 24.1.3 → 24.1.4.
  const past = bump(low, given.length - 1)
  switch (operator) {
    case '>=':
      return order(subject, low) >= 0
    case '<':
      return order(subject, low) < 0
    case '>':
      return order(subject, past) >= 0
    case '<=':
      return order(subject, past) < 0
    case '^':
      return order(subject, low) >= 0 && order(subject, bump(low, low[0] > 0 ? 0 : Math.min(1, given.length - 1))) < 0
    case '~':
    case '~>':
      return order(subject, low) >= 0 && order(subject, bump(low, Math.min(1, given.length - 1))) < 0
    default:
      return order(subject, low) >= 0 && order(subject, past) < 0
  }
}

function parse(text: string): Version | null {
  const [, a, b = '0', c = '0'] = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text) ?? []
  return a === undefined ? null : [Number(a), Number(b), Number(c)]
}

function bump([a, b, c]: Version, at: number): Version {
  return at === 0 ? [a + 1, 0, 0] : at === 1 ? [a, b + 1, 0] : [a, b, c + 1]
}

function order(x: Version, y: Version): number {
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2]
}
