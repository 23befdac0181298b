/**
 * What says on the way who asks, for which host and by which scheme: set by the edge, never believed from outside. `*` stands
 * for any ending. Headers of one CDN (`cf-connecting-ip`) are not among them: only an app that stands behind it reads them.
 */
export const identityHeaders = [
  'forwarded',
  'forwarded-*',
  'x-forwarded',
  'x-forwarded-*',
  'x-forward-*',
  'x-forwarder-*',
  'x-real-ip',
  'x-client-ip',
  'client-ip',
  'true-client-ip',
  'x-true-client-ip',
  'x-cluster-client-ip',
  'x-remote-*',
  'remote-*',
  'x-proxyuser-ip',
  'x-original-*',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  'x-url-scheme',
  'x-scheme',
  'x-ssl*',
  'ssl-*',
  'front-end-https',
  'x-request-start',
  // HTTP_PROXY is a variable of its own to whoever starts programs (httpoxy, CVE-2016-5385).
  'proxy',
] as const

/** Of these the plain spelling is looked at by itself, and every other one is someone's try to be taken for it. */
const plainOnly = ['x-request-id', 'content-length', 'content-type', 'transfer-encoding'] as const

/** CGI, WSGI and Rack put `_` for what is neither letter nor digit: all these spellings are one variable to an app. */
const folded = '[^a-z0-9]'

/** One expression for all header names (lower case, as HAProxy keeps them) that the edge takes out of a request. */
export function identityPattern(): string {
  const names = [...identityHeaders.map(name => spelled(name.split('-'))), ...plainOnly.flatMap(otherSpellings)]
  return `^(${names.join('|')})$`
}

function spelled(words: readonly string[]): string {
  return words.map(word => word.replace('*', '.*')).join(folded)
}

/** One for each place in which a separator other than the dash can stand first. */
function otherSpellings(name: string): readonly string[] {
  const words = name.split('-')
  return words.slice(1).map((_, at) => {
    const [before, after] = [words.slice(0, at + 1), words.slice(at + 1)]
    return `${before.join('-')}[^a-z0-9-]${spelled(after)}`
  })
}
