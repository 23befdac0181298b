import { AppError } from '../../../core/errors.ts'

/**
 * Packages that Python 3.10 and later, or 3.12 and later, cannot import, whatever is added: the first version that starts,
 * and what all before it look like. `collections.Iterator` went with 3.10, `find_module` of import hooks with 3.12.
 */
const firsts = [
  ['Django', '2.2', /^(?:1|2\.[01])(?:\.|$)/],
  ['gunicorn', '20', /^(?:\d|1\d)(?:\.|$)/],
] as const

/** Of requirements that pin a package which cannot start: the sentence, before minutes of a build are spent. Null: none is known. */
export function tooOld({ text }: { readonly text: string }, python: string): AppError | null {
  for (const [name, first, old] of firsts) {
    const pinned = pinnedVersion(text, name)
    if (pinned === null || !old.test(pinned)) continue
    return new AppError(
      'build-failed',
      `${name} ${pinned} does not start on Python ${python}, which images have here`,
      {
        hint: `Require ${name} ${first} or later, or bring an older Python with a Dockerfile.`,
      },
    )
  }
  return null
}

/** As requirements.txt, or a lock file of TOML, pins it. */
function pinnedVersion(text: string, name: string): string | null {
  const inList = new RegExp(`^[ \\t]{0,20}${name}[ \\t]{0,20}==[ \\t]{0,20}([\\d.]{1,40})`, 'im')
  const inLock = new RegExp(`^name = "${name}"\\nversion = "([\\d.]{1,40})"`, 'im')
  return inList.exec(text)?.[1] ?? inLock.exec(text)?.[1] ?? null
}
