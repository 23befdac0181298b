// Bundles the control plane, its backup program, the keeper, the log follower and the command line into one file each
// (decision: pinned-node): dist/{server,backup,keeper,follower,cli}.js.
// The same sources give the same bytes, so that an image's key can be made from them.
import { build } from 'esbuild'
import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const entries = {
  server: 'src/server/main.ts',
  backup: 'src/server/backup.ts',
  keeper: 'src/keeper/main.ts',
  follower: 'src/follower/main.ts',
  cli: 'src/cli/main.ts',
}

// Packages that were written for CommonJS ask for `require` inside an ES module.
const requireBanner =
  "import { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);"

// An import of node:http evaluates all that it exports, WebSocket too, and with it Node's HTTP client undici: 6 MB that
// every process of ours would hold for nothing, and 25 ms of the start of a command. `require` evaluates what is used.
const requireBuiltins = {
  name: 'require-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : { path, external: true },
    )
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }))
  },
}

for (const [name, entry] of Object.entries(entries)) {
  await access(join(root, entry))
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // The command line runs on the Node that a developer has; the others on ours.
    target: name === 'cli' ? 'node20' : 'node24',
    external: ['better-sqlite3'],
    // A module that is also a script of its own (a reference page) is none in here: it would print its page at each start.
    define: { 'import.meta.main': 'false' },
    plugins: [requireBuiltins],
    banner: { js: name === 'cli' ? `#!/usr/bin/env node\n${requireBanner}` : requireBanner },
    legalComments: 'none',
    logLevel: 'warning',
  })
  process.stdout.write(`dist/${name}.js\n`)
}
