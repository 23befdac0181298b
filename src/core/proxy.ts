/** The way out of a network that has no other, as `http_proxy` and its kin tell it. */
export interface Proxy {
  /** For `http://…`; null: no proxy. */
  readonly http: string | null
  readonly https: string | null
  /** Hosts that are reached without it: names, `.domains`, addresses. */
  readonly except: readonly string[]
}

export type Variables = Readonly<Record<string, string | undefined>>

/** What an environment says, in lower case or upper; null where it names no proxy. */
export function proxyOf(environment: Variables): Proxy | null {
  const value = (name: string) => environment[name] || environment[name.toUpperCase()] || null
  const [http, https] = [value('http_proxy'), value('https_proxy')].map(address => address && withScheme(address))
  if (!http && !https) return null
  const except = (value('no_proxy') ?? '').split(/[\s,]+/).filter(each => each !== '')
  return { http: http ?? null, https: https ?? null, except }
}

/** `proxy:3128` is `http://proxy:3128`, as curl reads it. */
export function withScheme(address: string): string {
  return address.includes('://') ? address : `http://${address}`
}

/** The same for programs: those of the C world read the lower case, Go and Java's the upper. None where there is no proxy. */
export function proxyVariables(proxy: Proxy | null): Record<string, string> {
  if (proxy === null) return {}
  const values = { http_proxy: proxy.http, https_proxy: proxy.https, no_proxy: proxy.except.join(',') }
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    value === null || value === '' ? [] : [[name, value] as const, [name.toUpperCase(), value] as const],
  )
  return Object.fromEntries(pairs)
}
