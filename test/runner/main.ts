// The tests' runner (docs/design/testing.md): `test/run --ring inner|gate|all`, or test files by name.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { glob } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { cleanEnvironment } from './environment.ts'
import { evidenceFolder, keepEvidence } from './evidence.ts'
import { MachineLog } from './machine-log.ts'
import { runFiles, type FileResult } from './phase.ts'
import { judge, type Attempts } from './report.ts'
import { filesOf, rings, type RingName } from './rings.ts'

const root = join(import.meta.dirname, '../..')
/** Suites on engines wait more than they work: one more of them than there are cores. */
const enginesAtOnce = availableParallelism() + 1

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: { ring: { type: 'string' } }, allowPositionals: true })
  process.chdir(root)
  const begun = performance.now()
  const ring = positionals.length > 0 ? null : ringNamed(values.ring ?? 'gate')
  const folder = await evidenceFolder()
  const seed = await firstSeed()
  process.env = {
    ...cleanEnvironment(process.env),
    LADING_TEST_RING: ring ?? 'all',
    LADING_TEST_EVIDENCE: folder,
    LADING_TEST_LOCK: join(folder, 'lock'),
    LADING_SIMULATION_SEED: process.env['LADING_SIMULATION_SEED'] ?? String(seed),
  }
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error(`stopped by ${name}`)))
  const machine = new MachineLog(join(folder, 'machine.txt'))
  const results = ring === null ? await named(positionals, stop.signal) : await wholeRing(ring, folder, stop.signal)
  machine.stop()
  const seconds = (performance.now() - begun) / 1000
  return judge({ ring, results, seconds, folder, highestLoad: machine.highestLoad })
}

/** Files that someone names run as they are, once: who looks for a fault wants to see it. */
async function named(files: readonly string[], signal: AbortSignal): Promise<Attempts[]> {
  const concurrency = availableParallelism()
  return (await runFiles({ files: await expanded(files), concurrency, signal })).map(first => ({ first }))
}

async function wholeRing(ring: RingName, folder: string, signal: AbortSignal): Promise<Attempts[]> {
  const { fakes, simulation, engines } = filesOf(ring)
  const checks = await checked(signal)
  const inner = (await runFiles({ files: await expanded(fakes), signal })).map(first => ({ first }))
  const results: Attempts[] = [checks, ...inner]
  // An engine takes ten minutes to say what a red line above has said already.
  if (results.some(({ first }) => first.failed > 0)) return results
  const [played, onEngines] = await Promise.all([
    runFiles({ files: await expanded(simulation), concurrency: 1, signal }),
    runFiles({ files: await expanded(engines), concurrency: enginesAtOnce, signal }),
  ])
  results.push(...played.map(first => ({ first })))
  for (const first of onEngines) results.push(await again(first, folder, signal))
  return results
}

/** A file of real engines that has failed runs once more, alone, and everything about both is kept. */
async function again(first: FileResult, folder: string, signal: AbortSignal): Promise<Attempts> {
  await keepEvidence(folder, first, 'first')
  if (first.failed === 0 || signal.aborted) return { first }
  process.stdout.write(`\n${first.file} failed (${first.firstFailure}); once more, alone\n`)
  const [second] = await runFiles({ files: [first.file], concurrency: 1, signal })
  if (!second) return { first }
  await keepEvidence(folder, second, 'second')
  return { first, second }
}

/** `npm run check` as one result among those of the files. */
async function checked(signal: AbortSignal): Promise<Attempts> {
  const begun = performance.now()
  const child = spawn(process.execPath, ['scripts/check.mjs'], { stdio: 'inherit', signal })
  const [code] = (await once(child, 'close')) as [number | null]
  const failed = code === 0 ? 0 : 1
  const seconds = (performance.now() - begun) / 1000
  const firstFailure = failed ? 'see its lines above' : null
  return {
    first: {
      file: 'npm run check',
      seconds,
      tests: 1,
      passed: 1 - failed,
      failed,
      skipped: 0,
      firstFailure,
      output: '',
    },
  }
}

/** In the order of the patterns, each file once. */
async function expanded(patterns: readonly string[]): Promise<readonly string[]> {
  const files = new Set<string>()
  for (const pattern of patterns) {
    const found = (await Array.fromAsync(glob(relative(root, resolve(root, pattern)), { cwd: root }))).sort()
    if (found.length === 0) throw new Error(`no test file is called ${pattern}`)
    for (const file of found) files.add(join(root, file))
  }
  return [...files]
}

function ringNamed(name: string): RingName {
  if (name in rings) return name as RingName
  throw new Error(`there is no ring ${name}; there are ${Object.keys(rings).join(', ')}`)
}

/** Each commit plays another window of histories, and the same commit the same one. */
async function firstSeed(): Promise<number> {
  const child = spawn('git', ['rev-parse', 'HEAD'], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] })
  let commit = ''
  child.stdout.on('data', chunk => (commit += String(chunk)))
  const [code] = (await once(child, 'close').catch(() => [1])) as [number | null]
  return code === 0 ? 1 + (parseInt(commit.slice(0, 6), 16) % 100_000) * rings.all.histories : 1
}

process.exitCode = await main(process.argv.slice(2))
