import { AppError } from '../../core/errors.ts'

/**
 * Rejects a branch or a tag whose name git finds ambiguous. Git takes `x` for `x`, `refs/x`, `refs/tags/x`, `refs/heads/x`,
 * `refs/remotes/x` alike: with a tag `refs/heads/main`, a later push of `main` moves that tag, succeeds and deploys nothing.
 * So no name begins like a longer one, is an id or one of git's own, and none is both a branch and a tag.
 * Source: git's ref_rev_parse_rules (refs.c), gitrevisions(7).
 */
export function requireUnambiguous(wanted: readonly string[], present: ReadonlySet<string>): void {
  const all = new Set([...present, ...wanted])
  for (const ref of wanted) {
    const [, kind, name] = /^refs\/(heads|tags)\/(.*)$/s.exec(ref) ?? []
    if (kind === undefined || name === undefined) continue
    const what = `${kind === 'heads' ? 'branch' : 'tag'} ${JSON.stringify(name.slice(0, 100))}`
    if (/^(?:refs|heads|tags|remotes|notes|lading)(?:\/|$)/i.test(name))
      throw refusal(what, 'is named like a folder of refs')
    if (/^(?:@|[A-Z][A-Z_]*HEAD|HEAD|stash)$/.test(name)) throw refusal(what, "has one of git's own names")
    if (/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/i.test(name)) throw refusal(what, 'is named like a commit')
    const other = `refs/${kind === 'heads' ? 'tags' : 'heads'}/${name}`
    if (all.has(other)) throw refusal(what, `has the name of a ${kind === 'heads' ? 'tag' : 'branch'}`)
  }
}

function refusal(what: string, why: string): AppError {
  return new AppError('not-allowed', `the ${what} ${why}: git would take one for the other`, {
    hint: 'Give it another name; an old one goes with: git push <remote> --delete <its full name>',
  })
}
