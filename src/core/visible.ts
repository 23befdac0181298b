/**
 * Text of others (an app's log, a commit's author, a server's answer) as it may reach a terminal: what would move the cursor,
 * paint, rename the window, fill the clipboard or turn the reading order is shown instead of done. Lines and tabs stay.
 */
export function visible(text: string, { colours = false }: { readonly colours?: boolean } = {}): string {
  if (!suspect.test(text)) return text
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  return lines.map(line => (colours ? painted(line) : shown(line.replace(colour, '')))).join('\n')
}

/** The same in one line: a line break inside a name would begin a line that we never wrote. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll('\n', '␊')
}

/** JSON in which a terminal finds nothing to obey either; `JSON.parse` gives the very value back. */
export function visibleJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(beyondJson, unicodeEscape)
}

// C0 but for tab and line feed, DEL, C1, line and paragraph separators, and what turns the reading order (CVE-2021-42574).
const beyondJson = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const suspect = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/
const suspects = new RegExp(suspect.source, 'g')
/** Select Graphic Rendition as everybody writes it: ECMA-48, 8.3.117. */
const colour = /\u001b\[((?:\d{1,3}(?:[;:]\d{1,3}){0,15})?)m/g
/** 256 and true colours: their numbers mean nothing by themselves. */
const longColours = /(?:^|[;:])[345]8[;:](?:5[;:]\d+|2(?:[;:]\d+){3})/g

/** A line does not paint the next one. */
function painted(line: string): string {
  let isOpen = false
  let at = 0
  let result = ''
  for (const found of line.matchAll(colour)) {
    result += shown(line.slice(at, found.index))
    at = found.index + found[0].length
    if (isConcealing(found[1] ?? '')) {
      result += shown(found[0])
      continue
    }
    result += found[0]
    isOpen = !/^0*$/.test(found[1] ?? '')
  }
  return `${result}${shown(line.slice(at))}${isOpen ? '\u001b[0m' : ''}`
}

/** 8 hides what follows, and what is hidden is copied all the same. */
function isConcealing(parameters: string): boolean {
  return parameters
    .replace(longColours, '')
    .split(/[;:]/)
    .some(one => Number(one) === 8)
}

function shown(text: string): string {
  return text.replace(suspects, picture)
}

/** Control pictures (U+2400 on) where Unicode has one. */
function picture(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  if (code === 0x7f) return '␡'
  return code < 0x100 ? `\\x${code.toString(16)}` : unicodeEscape(character)
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
