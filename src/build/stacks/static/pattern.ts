/** A line that means nothing here. */
export interface Skipped {
  readonly line: number
  readonly why: string
}

/**
 * nginx's pattern for a path with `*` and `:name`; what they stand for becomes `$way_splat` and `$way_name`, for names of
 * nginx's own are taken. Null: it has signs that no path of a site has.
 */
export function patternOf(path: string): string | null {
  if (!/^\/[A-Za-z0-9._~/%*:@+,=()-]*$/.test(path)) return null
  const names = new Set<string>()
  const pattern = path
    .replace(/[.+()]/g, '[$&]')
    .replace(/:([A-Za-z]\w*)/g, (_all, name: string) => {
      const isFirst = !names.has(name)
      names.add(name)
      return isFirst ? `(?<way_${name}>[^/]+)` : '[^/]+'
    })
    .replace(/\/\*$/, '(?:/(?<way_splat>.*))?')
    .replaceAll(/(?<![.)])\*/g, '[^/]*')
  return `^${pattern}$`
}
