import { posix } from 'node:path'
import { AppError } from '../../../core/errors.ts'
import { nothingStarts } from '../refusal.ts'
import { startOfBun } from './bun.ts'
import type { Package } from './package.ts'

/** What starts an app without a Procfile. Rejects `build-failed` when nothing says it. */
export function startCommand(pkg: Package, paths: ReadonlySet<string>, byBun = false): readonly string[] {
  const name = startScript(pkg)
  const script = name && pkg.scripts?.[name]
  if (script) {
    if (name === 'start' && pkg.scripts?.prestart) return ['npm', 'start']
    // Without npm in between, SIGTERM reaches the app itself; its programs are in PATH (nodeEnv).
    const plain = /^node(?: [A-Za-z0-9_./=:@,-]+)+$/.test(script.trim())
    return plain ? script.trim().split(' ') : ['/bin/sh', '-c', script]
  }
  const main = mainFile(pkg, paths)
  if (main) return ['node', main]
  // As "bun init" leaves it: no script, and TypeScript that Bun runs as it is.
  const ofBun = byBun ? startOfBun(pkg, paths) : null
  if (ofBun) return ['bun', ofBun]
  const built = frameworks.find(([name]) => has(pkg, name))
  if (built) return built[1]
  if (has(pkg, '@sveltejs/kit')) {
    throw new AppError('build-failed', 'nothing says how to start this app', {
      hint: 'SvelteKit needs an adapter: install @sveltejs/adapter-node (a server) or @sveltejs/adapter-static (pages).',
    })
  }
  const likely = likelyMains.find(path => paths.has(path)) ?? 'app.js'
  throw nothingStarts('app', paths, `Write a Procfile ("web: node ${likely}") or a script "start" in package.json.`)
}

/** Nest's own `start` compiles with what is only there in development; `start:prod` runs what was built. */
export function startScript(pkg: Package): 'start:prod' | 'start' | null {
  if (pkg.scripts?.['start:prod'] && has(pkg, '@nestjs/core')) return 'start:prod'
  return pkg.scripts?.start ? 'start' : null
}

/** Where people put what runs, for a hint. */
const likelyMains = ['app.js', 'src/index.js', 'src/server.js', 'src/app.js', 'src/main.js', 'bin/www'] as const

/** What is started where no script says it; null: there is nothing. */
export function mainFile(pkg: Package, paths: ReadonlySet<string>): string | null {
  return ['server.js', ...mainFiles(pkg.main), 'index.js'].find(path => paths.has(posix.normalize(path))) ?? null
}

/** What Node would look for. */
function mainFiles(main: string | undefined): readonly string[] {
  return main ? [main, `${main}.js`, `${main}/index.js`] : []
}

/** Of frameworks whose starters have no `start`, the server that their build makes. */
const frameworks = [
  ['nuxt', ['node', '.output/server/index.mjs']],
  ['@sveltejs/adapter-node', ['node', 'build']],
  ['@astrojs/node', ['/bin/sh', '-c', 'HOST=0.0.0.0 node dist/server/entry.mjs']],
] as const

function has(pkg: Package, name: string): boolean {
  return pkg.dependencies?.[name] !== undefined || pkg.devDependencies?.[name] !== undefined
}
