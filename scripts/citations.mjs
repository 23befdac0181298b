// What code and docs cite must exist: laws and decisions by the names of docs/laws.md, and in the docs links and paths of
// this repository. It reads text; each function gives one sentence for each citation that leads nowhere.
import { existsSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { posix } from 'node:path'

/** `- **`name`**: what it says`, below "## Laws" or "## Decisions". */
const DEFINITION = /^- \*\*`(?<name>[a-z0-9-]+)`\*\*: /
/** All names have a hyphen, which tells them from prose; a word alone in brackets was meant as one. */
const CITATION = /\b(?<kind>[Ll]aw|[Dd]ecision): (?<name>[a-z0-9]+(?:(?:-[a-z0-9]+)+|(?=\))))/g
/** Of lists that are not in this repository. */
const NUMBERED = /\b[Ll]aws? \d+|\bD\d{1,2}(?:[a-d]|\([a-d]\))?(?![\w.])/g
/** docs/promises.md numbers its own lines, and so does who quotes them. */
const OWN_NUMBER = /^\| [A-Z]\d+ \|/
const LINK = /\]\((?<target>[^)\s]+)\)/g
/** `NAME` stands for any. */
const PATH = /(?<![\w./-])(?![^\s`]*NAME)(?:src|test|docs)\/[\w./*{},-]*[\w/*}]/g

/** `{ law: Set, decision: Set }` of docs/laws.md; each also with what is wrong in the list itself. */
export function definitions(text) {
  const names = Object.fromEntries(['law', 'decision'].map(kind => [kind, new Set()]))
  const wrong = []
  let kind = null
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) kind = { '## Laws': 'law', '## Decisions': 'decision' }[line] ?? null
    const name = DEFINITION.exec(line)?.groups.name
    if (!name || kind === null) continue
    if (names[kind].has(name)) wrong.push(`docs/laws.md states ${kind}: ${name} twice`)
    names[kind].add(name)
  }
  return { names, wrong }
}

/** Citations that lead nowhere, and those by number. */
export function wrongCitations(path, text, names) {
  return text.split('\n').flatMap((line, at) => {
    const where = `${path}:${at + 1}`
    const unknown = [...line.matchAll(CITATION)].flatMap(({ groups }) => {
      const [kind, { name }] = [groups.kind.toLowerCase(), groups]
      return names[kind].has(name) ? [] : [`${where} cites ${kind}: ${name}, which is not in docs/laws.md`]
    })
    const numbered = [...line.replace(OWN_NUMBER, '').matchAll(NUMBERED)]
    return [...unknown, ...numbered.map(([text]) => `${where} cites "${text}" by number: say its name in docs/laws.md`)]
  })
}

/** Relative links, and paths below src/, test/ and docs/ (with `*` and `{a,b}`), as `{ where, path, says }`. */
export function pathsCited(page, text) {
  return text.split('\n').flatMap((line, at) => {
    const where = `${page}:${at + 1}`
    const links = [...line.matchAll(LINK)]
      .map(({ groups }) => groups.target.replace(/#.*$/, ''))
      .filter(target => target !== '' && !/^[a-z]+:/.test(target))
      .map(target => ({ where, path: posix.join(posix.dirname(page), target), says: target }))
    const withoutLinks = line.replace(LINK, ']').replace(/https?:\S+/g, '')
    return [...links, ...[...withoutLinks.matchAll(PATH)].map(([path]) => ({ where, path, says: path }))]
  })
}

/** `pages`: path → text of all docs. Resolves with a sentence for each link or path that leads to no file. */
export async function missingPaths(pages) {
  const cited = [...pages].flatMap(([page, text]) => pathsCited(page, text))
  const missing = []
  for (const { where, path, says } of cited) {
    if (!(await exists(path))) missing.push(`${where} leads to ${says}, which does not exist`)
  }
  return missing
}

async function exists(path) {
  if (!/[*{]/.test(path)) return existsSync(path)
  for await (const _found of glob(path)) return true
  return false
}
