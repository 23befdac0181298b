import type { FactorVerdict, Tree } from './factor.ts'
import { guesses, isPlaceholder, shapes } from './secret-shapes.ts'

/** Of one file; longer ones are data. */
const mostBytes = 256 * 1024
const mostFiles = 5_000
const mostTogether = 64 * 1024 * 1024
const mostCharacters = 4_096
const mostFindings = 20

interface Finding {
  readonly isCertain: boolean
  readonly evidence: string
}

/**
 * Factor III, from the files alone: credentials in the tree, by the shapes that their makers gave them, and by names with values of
 * high entropy, which are only a guess. In tests, examples and docs a shape is a guess too. Past commits are not read.
 */
export async function credentials(tree: Tree): Promise<FactorVerdict> {
  const paths = [...(await tree.paths())].filter(path => !isOther(path)).toSorted()
  const findings: Finding[] = []
  let bytes = 0
  let read = 0
  for (const path of paths) {
    if (read === mostFiles || bytes > mostTogether || findings.length > mostFindings) break
    const text = await tree.text(path, mostBytes)
    if (text === null || text.includes('\0')) continue
    read++
    bytes += text.length
    findings.push(...secretsIn(path, text))
  }
  const certain = findings.filter(({ isCertain }) => isCertain)
  const worst = certain.length > 0 ? certain : findings
  return {
    factor: 'III',
    name: 'config',
    state: certain.length > 0 ? 'broken' : findings.length > 0 ? 'at risk' : read > 0 ? 'kept' : 'not seen',
    evidence:
      findings.length > 0
        ? worst.slice(0, mostFindings).map(({ evidence }) => evidence)
        : [`no credential in ${read} files`],
    mend:
      findings.length > 0
        ? 'Take it out of the repository, give it by "lading set", and have it revoked: every clone has it.'
        : null,
  }
}

function secretsIn(path: string, text: string): readonly Finding[] {
  const isExample = isForShow(path)
  const lines = text.split('\n').map(line => line.slice(0, mostCharacters))
  return lines.flatMap((line, at) => {
    const where = `${path} line ${at + 1}`
    for (const { name, pattern, after } of shapes) {
      const found = pattern.exec(line)?.[1]
      if (found === undefined || isPlaceholder(found)) continue
      if (after && !after.test(lines[at + 1] ?? '')) continue
      return [{ isCertain: !isExample, evidence: `${where}: ${name} (${found.slice(0, 4)}…)` }]
    }
    if (isExample) return []
    return guesses(line).map(name => ({ isCertain: false, evidence: `${where}: ${name} looks like a secret` }))
  })
}

/** Generated, or of others: full of hashes. */
function isOther(path: string): boolean {
  return (
    /(?:^|\/)(?:node_modules|vendor|\.git|dist|build|target)\//.test(path) ||
    /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|composer\.lock|go\.sum|[^/]*\.lock|bun\.lockb|pnpm-lock\.yaml)$/.test(
      path,
    ) ||
    /\.(?:min\.js|map|svg|png|jpe?g|gif|ico|woff2?|pdf|zip|gz|jar|wasm|pyc)$/i.test(path)
  )
}

function isForShow(path: string): boolean {
  return /(?:^|\/)(?:tests?|spec|__tests__|fixtures?|testdata|examples?|docs?|samples?)\/|[._-](?:test|spec|example|sample|template|dist)(?:\.|$)|\.md$/i.test(
    path,
  )
}
