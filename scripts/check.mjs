// npm run check: format, lint, types, import law, citations, dead exports. One line for each, and what to do about a red one.
import { spawn } from 'node:child_process'
import { glob, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { definitions, missingPaths, wrongCitations } from './citations.mjs'
import { violations } from './import-law.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const checks = [
  {
    name: 'format',
    todo: 'npm run format',
    run: () => tool('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.']),
  },
  { name: 'types', todo: 'npm run types', run: () => tool('typescript/bin/tsc', ['--noEmit', '--pretty', 'false']) },
  { name: 'lint', todo: 'npm run lint', run: () => tool('eslint/bin/eslint.js', ['--max-warnings=0', '.']) },
  { name: 'import law', todo: 'read "Import law" in ARCHITECTURE.md', run: importLaw },
  { name: 'citations', todo: 'name it in docs/laws.md, or fix the link', run: citations },
  {
    name: 'dead exports',
    todo: 'remove what nothing imports, or its "export"',
    run: () => tool('knip/bin/knip.js', ['--no-progress']),
  },
]

// Two cores are enough to hide the short checks behind the linter. Lines come in the order of the table.
const started = checks.map(async ({ run }) => {
  const start = performance.now()
  return { ...(await run()), seconds: ((performance.now() - start) / 1000).toFixed(1) }
})
let red = 0
for (const [index, { name, todo }] of checks.entries()) {
  const { ok, output, seconds } = await started[index]
  process.stdout.write(`${ok ? 'ok ' : 'NO '} ${name} (${seconds} s)\n`)
  if (ok) continue
  red++
  process.stdout.write(`${output.trimEnd().replace(/^/gm, '    ')}\n    → ${todo}\n`)
}
process.exitCode = red === 0 ? 0 : 1

/** The law over all of src/, after the law's own tests. */
async function importLaw() {
  const tests = await node(['--test', 'scripts/import-law.test.mjs'])
  if (!tests.ok) return tests
  const found = []
  for await (const path of glob('src/**/*.ts')) found.push(...violations(path, await readFile(path, 'utf8')))
  return { ok: found.length === 0, output: found.toSorted().join('\n') }
}

/** Laws and decisions that are cited anywhere, links and paths of the docs; after the check's own tests. */
async function citations() {
  const tests = await node(['--test', 'scripts/citations.test.mjs'])
  if (!tests.ok) return tests
  const { names, wrong: found } = definitions(await readFile('docs/laws.md', 'utf8'))
  const pages = new Map()
  const folders = '{src,test,docs,scripts,images,bench}/**/*'
  for await (const entry of glob([folders, '*.{md,js}'], { withFileTypes: true, exclude: isNotCiting })) {
    if (!entry.isFile()) continue
    const path = relative('.', join(entry.parentPath, entry.name))
    const text = await readFile(path, 'utf8')
    found.push(...wrongCitations(path, text, names))
    if (/^docs\/.*\.md$|^(?:README|ARCHITECTURE)\.md$/.test(path)) pages.set(path, text)
  }
  found.push(...(await missingPaths(pages)))
  return { ok: found.length === 0, output: found.toSorted().join('\n') }
}

/** What others wrote, what programs wrote, and what is wrong on purpose. */
function isNotCiting({ parentPath, name }) {
  return (
    /^(?:node_modules|fixtures|results|golden|dist)$/.test(name) ||
    join(parentPath, name).endsWith('scripts/citations.test.mjs')
  )
}

function tool(path, args) {
  return node([`node_modules/${path}`, ...args])
}

/** A program under the pinned Node, and what it said. */
function node(args) {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  })
  const chunks = []
  child.stdout.on('data', chunk => chunks.push(chunk))
  child.stderr.on('data', chunk => chunks.push(chunk))
  const { promise, resolve, reject } = Promise.withResolvers()
  child.on('error', reject)
  child.on('close', code => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() }))
  return promise
}
