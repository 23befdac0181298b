import type { Package } from './package.ts'

/** Whether an app is written for Bun: by its lock file, or, without one, where its `dev` is run by it. */
export function isOfBun(pkg: Package, paths: ReadonlySet<string>): boolean {
  if (paths.has('bun.lock') || paths.has('bun.lockb')) return true
  return /^bun@/.test(pkg.packageManager ?? '') || /^bunx? /.test(pkg.scripts?.dev ?? '')
}

/**
 * What Bun runs of an app that says no `start`: the file that its `dev` runs, else where "bun init" and starters put it. Bun
 * serves what the file exports, on $PORT. Null: it is not there.
 */
export function startOfBun(pkg: Package, paths: ReadonlySet<string>): string | null {
  const [, ofDev] =
    /^bun (?:run )?(?:--(?:hot|watch|no-clear-screen) )*(?:run )?([\w./-]+\.[jt]sx?)$/.exec(pkg.scripts?.dev ?? '') ??
    []
  return (
    [...(ofDev ? [ofDev] : []), 'index.ts', 'src/index.ts', 'server.ts', 'src/index.tsx'].find(path =>
      paths.has(path),
    ) ?? null
  )
}
