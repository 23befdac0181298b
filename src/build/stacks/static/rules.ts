import { shortened } from '../../../core/bounds.ts'
import { defaults } from '../../../core/defaults.ts'
import { whole, type Files } from '../../files.ts'
import { readHeaders } from './headers.ts'
import { readRedirects } from './redirects.ts'

/** What a site says about its own paths in `_redirects` and `_headers`, as lines of nginx's configuration. */
export interface SiteRules {
  /** Within `http`: maps. */
  readonly http: readonly string[]
  /** Within `server`: what counts before files, and headers. */
  readonly server: readonly string[]
  /** For paths that have no file, in the order of the file. */
  readonly fallback: readonly string[]
  /** Variable that says how long a file may be kept. */
  readonly cache: string
  /** Of what is not read, each with file and line. */
  readonly warnings: readonly string[]
}

export const noRules: SiteRules = { http: [], server: [], fallback: [], cache: '$cache', warnings: [] }

/** Of the first folder that has such a file: builders copy theirs out of one. Rejects `invalid-input` for one that is too long. */
export async function readRules(files: Files, folders: readonly string[]): Promise<SiteRules> {
  const find = async (name: string) => {
    for (const folder of folders) {
      const path = folder === '' ? name : `${folder}/${name}`
      const text = await files.text(path, whole(defaults.siteRulesBytes))
      if (text !== null) return { path, text }
    }
    return { path: name, text: '' }
  }
  const [redirects, headers] = [await find('_redirects'), await find('_headers')]
  const [ways, tops] = [readRedirects(redirects.text), readHeaders(headers.text)]
  const isUsed = [...ways.forced, ...ways.fallback, ...tops.http].length > 0
  const warning = (path: string) => (line: { readonly line: number; readonly why: string }) =>
    `Warning: ${path} line ${line.line} is not read: ${shortened(line.why)}`
  return {
    http: isUsed ? [asked, ...tops.http] : [],
    server: [...ways.forced, ...tops.server],
    fallback: ways.fallback,
    cache: tops.cache,
    warnings: [...ways.skipped.map(warning(redirects.path)), ...tops.skipped.map(warning(headers.path))],
  }
}

/** The path as it was sent: decoded, what a star stands for could end the line of a header that it is put in. */
const asked = 'map $request_uri $asked { "~^(?<asked_path>[^?]*)" $asked_path; }'
