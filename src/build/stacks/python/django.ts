import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'

/** What Django's settings say, which stand in `settings.py` or in files of a folder `settings`. */
export interface DjangoSettings {
  /** Where static files are collected is said. */
  readonly hasStaticRoot: boolean
  /** The file whose ALLOWED_HOSTS leaves this app's host name out, wherever it runs; null: none is known to. */
  readonly closedTo: string | null
}

/** Null: it is no Django project. */
export async function readSettings({ files }: Source): Promise<DjangoSettings | null> {
  const paths = [...(await files.paths())]
  if (!paths.includes('manage.py')) return null
  const settings = paths.filter(path => /(?:^|\/)settings(?:\/\w+)?\.py$/.test(path)).slice(0, 8)
  const texts = await Promise.all(settings.map(async path => ({ path, text: (await files.text(path, glance)) ?? '' })))
  return {
    hasStaticRoot: texts.some(({ text }) => /^\s*STATIC_ROOT\s*=/m.test(text)),
    closedTo: texts.find(({ text }) => isClosed(text))?.path ?? null,
  }
}

/**
 * A list of names written out is closed; one of its own with `*`, or one that is made of anything else, such as a variable
 * of the environment, may be open. Bounded, and with one way to match, since a commit may be made to take long.
 */
function isClosed(text: string): boolean {
  const lists = [...text.matchAll(/^[ \t]{0,80}ALLOWED_HOSTS[ \t]{0,80}=[ \t]{0,80}\[([^\]]{0,2000})\]/gm)]
  return lists.some(([, names]) => {
    const plain = names!.replace(/#.*$/gm, '')
    return !/['"]\*['"]/.test(plain) && /^(?:[\s,]|'[^']*'|"[^"]*")*$/.test(plain)
  })
}
