import { patternOf, type Skipped } from './pattern.ts'

export interface Redirects {
  /** Of rules with `!`: they count where there is a file too. */
  readonly forced: readonly string[]
  readonly fallback: readonly string[]
  readonly skipped: readonly Skipped[]
}

/** Signs that stand in an address as they are, and mean nothing to nginx. */
const target = /^(?:https?:\/\/[A-Za-z0-9.-]+(?::\d+)?)?\/?[A-Za-z0-9._~/%:@+,=&?#!-]*$/
const statuses = ['200', '301', '302', '303', '307', '308', '404']

/** `FROM TO [STATUS][!]` in each line, as Netlify and Cloudflare read it; without a status it is 301. */
export function readRedirects(text: string): Redirects {
  const forced: string[] = []
  const fallback: string[] = []
  const skipped: Skipped[] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const words = raw
      .replace(/(?:^|\s)#.*$/, '')
      .trim()
      .split(/\s+/)
    if (words[0] === '') continue
    const rule = ruleOf(words)
    if (typeof rule === 'string') skipped.push({ line: index + 1, why: rule })
    else (rule.isForced ? forced : fallback).push(rule.line)
  }
  return { forced, fallback, skipped }
}

/** The line of nginx, or why there is none. */
function ruleOf([from = '', to = '', status = '301', ...more]: readonly string[]):
  { readonly line: string; readonly isForced: boolean } | string {
  const pattern = patternOf(from)
  if (more.length > 0 || /^\w+=/.test(to)) return 'conditions are not known here'
  if (pattern === null) return `${from} is no path`
  if (to === '' || !target.test(to)) return 'write FROM TO STATUS, where TO is a path or an address'
  const [, code = '', mark = ''] = /^(\d+)(!?)$/.exec(status) ?? []
  if (!statuses.includes(code)) return `the status ${status} is not one of ${statuses.join(', ')}`
  const isOutside = /^https?:/.test(to)
  if (code === '200' && isOutside) return 'another site is not fetched for visitors'
  const known = new Set([...pattern.matchAll(/\?<way_(\w+)>/g)].map(([, name]) => name))
  // A port is no name: of what FROM has only.
  const filled = to.replace(/:([A-Za-z]\w*)/g, (all, name: string) => (known.has(name) ? `\${way_${name}}` : all))
  return { line: lineOf({ pattern, code, to: filled }), isForced: mark === '!' }
}

function lineOf({
  pattern,
  code,
  to,
}: {
  readonly pattern: string
  readonly code: string
  readonly to: string
}): string {
  const condition = `if ($asked ~ "${pattern}")`
  // The path alone: there is nothing beside the files that could read a question.
  if (code === '200') return `${condition} { rewrite ^ "${to.replace(/[?#].*$/, '')}" break; }`
  if (code === '404') return `${condition} { return 404; }`
  const query = to.includes('?') || to.includes('#') ? '' : '$is_args$args'
  return `${condition} { return ${code} "${to}${query}"; }`
}
