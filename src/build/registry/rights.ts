import { registryName, type AppName } from '../../core/names.ts'

const digest = 'sha256:[0-9a-f]{64}'
const platform = /^lading\/[a-z0-9-]+$/
const digestOnly = new RegExp(`^${digest}$`)
const manifest = new RegExp(`^manifests/(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|${digest})$`)
const blob = new RegExp(`^blobs/${digest}$`)
const upload = /^blobs\/uploads\/[A-Za-z0-9_=-]{1,200}$/
/** The registry signs the state of an upload into its address, together with the repository. */
const uploadQuery = /^[A-Za-z0-9._~=&%:+-]*$/

/** May the images of this repository be read by builds of `app`? Those of the platform by all, an app's by its own. */
export function mayRead(app: AppName, repository: string): boolean {
  return repository === app || platform.test(repository)
}

/**
 * What a build of `app` may ask the registry, by allow-list: read the platform's images and its own app's, write its own
 * app's, delete and list nothing. Returns the path to pass on, or null: refused. A blob is mounted from a repository
 * that it may read; from any other the wish is left out, and the registry waits for the bytes.
 */
export function permitted(app: AppName, method: string, url: string): string | null {
  const [, path = '', query = ''] = /^([^?#]*)(?:\?([^#]*))?$/.exec(url) ?? []
  const reads = method === 'GET' || method === 'HEAD'
  if (path === '/v2/') return reads ? path : null
  const [, repository = '', rest = ''] = /^\/v2\/([a-z0-9/-]+?)\/((?:manifests|blobs)\/.*)$/.exec(path) ?? []
  if (reads && mayRead(app, repository) && (manifest.test(rest) || blob.test(rest))) return path
  if (repository !== app) return null
  if (method === 'PUT' && manifest.test(rest)) return path
  if (method === 'POST' && rest === 'blobs/uploads/') return path + mountOf(app, query)
  if (!['GET', 'PATCH', 'PUT', 'DELETE'].includes(method) || !upload.test(rest)) return null
  if (!uploadQuery.test(query)) return null
  return query === '' ? path : `${path}?${query}`
}

function mountOf(app: AppName, query: string): string {
  const wish = new URLSearchParams(query)
  const [mount, from] = [wish.get('mount') ?? '', wish.get('from') ?? '']
  if (!digestOnly.test(mount) || !mayRead(app, from)) return ''
  return `?mount=${mount}&from=${encodeURIComponent(from)}`
}

/**
 * BuildKit's own refusal, before it looks into what the builder holds of other builds: of two rules that match, the
 * later one counts.
 */
export function sourcePolicy(app: AppName): string {
  const rule = (action: 'ALLOW' | 'DENY', name: string) => ({
    action,
    selector: { identifier: `docker-image://${registryName}/${name}` },
  })
  const own = [`${app}:*`, `${app}@*`, 'lading/*'].map(name => rule('ALLOW', name))
  return JSON.stringify({ rules: [rule('DENY', '*'), ...own] })
}

/** Docker's client configuration: it shows these credentials to the registry and to no one else. */
export function clientConfig(user: string, password: string): string {
  const auth = Buffer.from(`${user}:${password}`).toString('base64')
  return JSON.stringify({ auths: { [registryName]: { auth } } })
}
